import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { createServer, get } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { eventually } from '../../tests/support/eventually.ts'
import xRay, { Segment } from './x-ray.ts'

// A daemon as Lambda runs it: what arrives is what X-Ray would show.
const TRACE = { id: '1-5759e988-bd862e3fe1be46a994272793', parent: '53995c3f42cd8ad8' }
let daemon: Socket
const received: { readonly name: string; readonly [field: string]: unknown }[] = []
const environment = { ...process.env }

beforeAll(async () => {
  daemon = createSocket('udp4')
  daemon.on('message', (message) => {
    const [header, document = '{}'] = message.toString().split('\n')
    expect(JSON.parse(header ?? '')).toEqual({ format: 'json', version: 1 })
    received.push(JSON.parse(document))
  })
  daemon.bind(0, '127.0.0.1')
  await once(daemon, 'listening')
  process.env.AWS_XRAY_DAEMON_ADDRESS = `127.0.0.1:${daemon.address().port}`
})

afterAll(() => {
  daemon.close()
  process.env = environment
})

const traced = (sampled: 0 | 1) => {
  process.env._X_AMZN_TRACE_ID = `Root=${TRACE.id};Parent=${TRACE.parent};Sampled=${sampled};Lineage=1:a:0`
  return xRay.getSegment()
}

const arrival = (name: string) =>
  eventually(() => {
    const found = received.find((document) => document.name === name)
    if (!found) throw new Error(`${name} has not arrived`)
    return found
  })

describe('the X-Ray recorder', () => {
  it('sends a closed subsegment below Lambda’s own segment, with all that was said of it', async () => {
    const handler = traced(1).addNewSubsegment('## handler')
    handler.addAnnotation('ColdStart', true)
    handler.addMetadata('answer', { status: 200 }, 'course')
    handler.addError(new TypeError('no such thing'))
    handler.close()
    const document = await arrival('## handler')
    expect(document).toMatchObject({
      type: 'subsegment',
      id: expect.stringMatching(/^[0-9a-f]{16}$/),
      trace_id: TRACE.id,
      parent_id: TRACE.parent,
      annotations: { ColdStart: true },
      metadata: { course: { answer: { status: 200 } } },
      fault: true,
      cause: {
        exceptions: [
          {
            type: 'TypeError',
            message: 'no such thing',
            remote: false,
            stack: expect.arrayContaining([
              expect.objectContaining({ path: expect.stringContaining('x-ray.test') }),
            ]),
          },
        ],
      },
    })
    expect(Number(document.end_time)).toBeGreaterThanOrEqual(Number(document.start_time))
    expect(Math.abs(Number(document.start_time) - Date.now() / 1_000)).toBeLessThan(60)
  })

  it('hangs what is called meanwhile below what is active', async () => {
    const handler = traced(1).addNewSubsegment('## outer')
    xRay.setSegment(handler)
    const inner = xRay.getSegment().addNewSubsegment('## inner')
    inner.close()
    handler.close()
    xRay.setSegment(new Segment())
    expect(await arrival('## inner')).toMatchObject({ parent_id: handler.id, trace_id: TRACE.id })
  })

  it('sends nothing of a trace that is not sampled, or of none', async () => {
    const unsampled = traced(0).addNewSubsegment('## unsampled')
    expect(unsampled.notTraced).toBe(true)
    unsampled.close()
    process.env._X_AMZN_TRACE_ID = ''
    new Segment().addNewSubsegment('## untraced').close()
    traced(1).addNewSubsegment('## the last').close()
    await arrival('## the last')
    expect(received.map(({ name }) => name)).not.toContain('## unsampled')
    expect(received.map(({ name }) => name)).not.toContain('## untraced')
  })

  it('tells of calls through node:http, which the official clients use', async () => {
    xRay.captureHTTPsGlobal()
    xRay.captureHTTPsGlobal()
    const server = createServer((_, response) => response.writeHead(503).end())
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    traced(1)
    const { port } = server.address() as AddressInfo
    const [answer] = await once(
      get(`http://127.0.0.1:${port}/bucket/key?signature=secret`),
      'response',
    )
    answer.resume()
    const document = await arrival('127.0.0.1')
    server.close()
    expect(document).toMatchObject({
      namespace: 'remote',
      fault: true,
      http: { request: { method: 'GET' }, response: { status: 503 } },
    })
    expect(JSON.stringify(document)).not.toContain('secret')
    expect(received.filter(({ name }) => name === '127.0.0.1')).toHaveLength(1)
  })
})
