import { describe, expect, it } from '@jest/globals'
import { DAY_MS } from '../../kernel/time.ts'
import { hubTopics, type Topic, withReplicasMax } from '../hub-topics.ts'
import { type ExistingTopic, planTopics } from './topics.ts'

const wanted: Topic = {
  name: 'hub.thing.v1',
  partitions: 6,
  replicas: 3,
  inSyncReplicasMin: 2,
  retentionMs: DAY_MS,
}
const own = new Map([
  ['cleanup.policy', 'delete'],
  ['retention.ms', String(DAY_MS)],
  ['min.insync.replicas', '2'],
  ['unclean.leader.election.enable', 'false'],
])
const existing = (
  different: Partial<ExistingTopic> = {},
  settings: Readonly<Record<string, string>> = {},
): ExistingTopic => {
  const ownSettings = new Map([...own, ...Object.entries(settings)])
  return {
    name: wanted.name,
    partitions: 6,
    replicas: 3,
    settings: new Map([['segment.bytes', '1'], ...ownSettings]),
    ownSettings,
    ...different,
  }
}
const plan = (found: readonly ExistingTopic[], isGrowing = false) =>
  planTopics([wanted], found, { isGrowing })

describe('planTopics', () => {
  it('makes what is missing, and nothing of what is as wanted', () => {
    expect(plan([])).toEqual([{ kind: 'create', topic: wanted }])
    expect(plan([existing()])).toEqual([])
  })

  it('mends settings, and keeps those that somebody else has set on the topic', () => {
    const [change] = plan([existing({}, { 'retention.ms': '1', 'max.message.bytes': '5' })])
    expect(change).toEqual({
      kind: 'configure',
      name: wanted.name,
      changes: [{ setting: 'retention.ms', from: '1', to: String(DAY_MS) }],
      settings: new Map([...own, ['max.message.bytes', '5']]),
    })
  })

  it('adds partitions only when it is told that keys may move', () => {
    expect(plan([existing({ partitions: 4 })])).toMatchObject([{ kind: 'keep' }])
    expect(plan([existing({ partitions: 4 })], true)).toEqual([
      { kind: 'grow', name: wanted.name, from: 4, to: 6 },
    ])
  })

  it('never takes away: partitions, replicas or topics that nobody wants', () => {
    const surplus = existing({ name: 'other' })
    expect(plan([existing({ partitions: 9, replicas: 5 }), surplus], true)).toMatchObject([
      { kind: 'keep', reason: 'has 9 partitions, more than the 6 wanted' },
    ])
  })

  it('tells of missing replicas, which only a reassignment brings', () => {
    expect(plan([existing({ replicas: 1 })])).toMatchObject([
      { kind: 'keep', reason: 'has 1 of 3 replicas; reassign partitions' },
    ])
  })
})

describe('the topics of the hub', () => {
  it('are one for each producer and one for each service’s dead letters, each once', () => {
    const names = hubTopics.map(({ name }) => name)
    expect(names).toEqual(expect.arrayContaining(['hub.course.v1', 'hub.notification.dlq']))
    expect(new Set(names).size).toBe(names.length)
  })

  it('survive the loss of a broker wherever there is more than one', () => {
    const inSyncOf = (brokers: number) =>
      withReplicasMax([wanted], brokers).map((each) => [each.replicas, each.inSyncReplicasMin])
    expect([1, 2, 3, 9].map(inSyncOf)).toEqual([[[1, 1]], [[2, 1]], [[3, 2]], [[3, 2]]])
  })
})
