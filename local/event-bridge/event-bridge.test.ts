import { describe, expect, it } from '@jest/globals'
import {
  type BusEvent,
  createEventBridge,
  DELIVERY_ATTEMPTS_MAX,
  type EventBridgeOptions,
} from './event-bridge.ts'
import { payloadFor } from './input.ts'
import { checkPattern, matches, type Pattern } from './pattern.ts'

const event: BusEvent = {
  id: 'e1',
  source: 'aws.mediaconvert',
  'detail-type': 'MediaConvert Job State Change',
  detail: {
    status: 'STATUS_UPDATE',
    jobProgress: { jobPercentComplete: 42 },
    userMetadata: { assetId: 'ast_1' },
    tags: ['video', 'draft'],
    empty: null,
  },
}

describe('a pattern', () => {
  it.each<[boolean, Pattern]>([
    [true, { source: ['aws.mediaconvert'] }],
    [false, { source: ['aws.s3'] }],
    [true, { source: ['aws.s3', 'aws.mediaconvert'], detail: { status: ['STATUS_UPDATE'] } }],
    [false, { source: ['aws.mediaconvert'], detail: { status: ['COMPLETE'] } }],
    [true, { detail: { status: [{ prefix: 'STATUS' }] } }],
    [false, { detail: { status: [{ prefix: 'TATUS' }] } }],
    [true, { detail: { status: [{ suffix: 'UPDATE' }] } }],
    [true, { detail: { status: [{ 'equals-ignore-case': 'status_update' }] } }],
    [true, { detail: { status: [{ 'anything-but': 'COMPLETE' }] } }],
    [false, { detail: { status: [{ 'anything-but': ['COMPLETE', 'STATUS_UPDATE'] }] } }],
    [false, { detail: { status: [{ 'anything-but': { prefix: 'STATUS' } }] } }],
    [false, { detail: { absent: [{ 'anything-but': 'x' }] } }],
    [true, { detail: { userMetadata: { assetId: [{ exists: true }] } } }],
    [false, { detail: { userMetadata: { other: [{ exists: true }] } } }],
    [true, { detail: { userMetadata: { other: [{ exists: false }] } } }],
    [true, { detail: { none: { at: { all: [{ exists: false }] } } } }],
    [true, { detail: { jobProgress: { jobPercentComplete: [{ numeric: ['>', 0, '<=', 42] }] } } }],
    [false, { detail: { jobProgress: { jobPercentComplete: [{ numeric: ['>', 42] }] } } }],
    [false, { detail: { status: [{ numeric: ['>', 0] }] } }],
    [true, { detail: { tags: ['draft'] } }],
    [false, { detail: { tags: ['final'] } }],
    [true, { detail: { empty: [null] } }],
    [false, { detail: { jobProgress: ['x'] } }],
    [false, { constructor: [{ exists: true }] }],
  ])('is %s for %j', (expected, pattern) => {
    expect(matches(pattern, event)).toBe(expected)
  })

  it.each([[{}], [{ a: [{ cidr: '10.0.0.0/8' }] }], [{ a: 'x' }]])('%j is refused', (pattern) => {
    expect(() => checkPattern(pattern)).toThrow()
  })
})

describe('put', () => {
  const pattern: Pattern = { source: ['aws.mediaconvert'] }
  const bridge = (options: Partial<EventBridgeOptions>) =>
    createEventBridge({
      rules: [{ name: 'video', pattern, targets: [{ kind: 'lambda', functionName: 'progress' }] }],
      invokeLambda: async () => {},
      startExecution: async () => {},
      retryDelayMs: 1,
      ...options,
    })

  it('hands the event to the function as it is, and nothing to others', async () => {
    const seen: unknown[] = []
    const { put } = bridge({ invokeLambda: async (...call) => void seen.push(call) })
    await put(event)
    await put({ ...event, source: 'aws.s3' })
    expect(seen).toEqual([['progress', event]])
  })

  it('tries again until the function takes it', async () => {
    let calls = 0
    const { put } = bridge({
      invokeLambda: async () => (++calls < 3 ? { functionError: 'Unhandled' } : {}),
    })
    await put(event)
    expect(calls).toBe(3)
  })

  it('gives up after its attempts, tells the caller, and has served the other targets', async () => {
    const calls: string[] = []
    const { put } = bridge({
      rules: [
        {
          name: 'video',
          pattern,
          targets: [
            { kind: 'lambda', functionName: 'broken' },
            { kind: 'lambda', functionName: 'whole' },
          ],
        },
      ],
      invokeLambda: async (name) => {
        calls.push(name)
        if (name === 'broken') throw new Error('down')
      },
    })
    await expect(put(event)).rejects.toThrow('Event e1 was not taken by every target.')
    expect(calls.filter((name) => name === 'broken')).toHaveLength(DELIVERY_ATTEMPTS_MAX)
    expect(calls.filter((name) => name === 'whole')).toHaveLength(1)
  })

  it('starts one execution for one event, under one name, however often it is put', async () => {
    const names: string[] = []
    const { put } = bridge({
      rules: [{ name: 'video', pattern, targets: [{ kind: 'state-machine', arn: 'arn:m' }] }],
      startExecution: async ({ arn, name, input }) => {
        expect([arn, JSON.parse(input)]).toEqual(['arn:m', event])
        names.push(name)
        if (names.length > 1)
          throw Object.assign(new Error('ended'), { name: 'ExecutionAlreadyExists' })
      },
    })
    await put(event)
    await put(event)
    expect(names).toHaveLength(2)
    expect(new Set(names).size).toBe(1)
    expect(names[0]).toMatch(/^[0-9a-f]{40}$/)
  })
})

describe('what a target is sent', () => {
  const event = { detail: { jobId: 'j-1', progress: { percent: 40 } } }

  it.each([
    [{}, event],
    [{ input: '{"job":"sweep"}' }, { job: 'sweep' }],
    [{ inputPath: '$.detail.progress' }, { percent: 40 }],
    [
      {
        inputTransformer: {
          paths: { detail: '$.detail', nothing: '$.detail.none' },
          template: '{"job":"record","detail":<detail>,"extra":<nothing>}',
        },
      },
      { job: 'record', detail: event.detail, extra: '' },
    ],
  ])('is what %j makes of the event', (target, payload) => {
    expect(payloadFor(target, event)).toEqual(payload)
  })

  it('is refused where the path is more than a plain one', () => {
    expect(() => payloadFor({ inputPath: '$.detail[0]' }, event)).toThrow('is not played here')
  })
})
