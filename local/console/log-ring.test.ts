import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from '@jest/globals'
import { openHubLog } from '../hub/log.ts'
import { createLogRing, traceIdIn } from './log-ring.ts'
import { createRedact } from './redact.ts'

const TRACE = '6b07b56fec674dd4bf58fb2a044616cf'
const AT = '2026-01-01T00:00:00.000Z'
const line = (fields: Readonly<Record<string, unknown>>) => JSON.stringify(fields)

describe('the ring of log lines', () => {
  const ringOf = (limits: { linesMax?: number; bytesMax?: number } = {}) =>
    createLogRing({ redact: createRedact(), ...limits })

  it('forgets the oldest beyond its lines and beyond its bytes', () => {
    const byLines = ringOf({ linesMax: 3 })
    for (let number = 1; number <= 10; number += 1) byLines.add(AT, 'hub', `line ${number}`)
    expect(byLines.search({}, { limit: 10 }).lines.map(({ text }) => text)).toEqual([
      ...['line 10', 'line 9', 'line 8'],
    ])
    const byBytes = ringOf({ bytesMax: 250 })
    for (let number = 1; number <= 10; number += 1) byBytes.add(AT, 'hub', 'x'.repeat(100))
    expect(byBytes.size()).toEqual({ lines: 2, bytes: 200 })
  })

  it('finds by trace in every form, by source, by level and what is worse, and by text', () => {
    const ring = ringOf()
    ring.add(AT, 'one', line({ level: 'INFO', message: 'a', trace: TRACE }))
    ring.add(
      AT,
      'two',
      line({ level: 'ERROR', xray_trace_id: `1-${TRACE.slice(0, 8)}-${TRACE.slice(8)}` }),
    )
    ring.add(AT, 'two', line({ level: 'WARN', trace_id: 'f'.repeat(32) }))
    ring.add(AT, 'two', 'no JSON')
    const found = (wanted: Parameters<typeof ring.search>[0]) =>
      ring.search(wanted, { limit: 10 }).found
    expect(found({ trace: TRACE })).toBe(2)
    expect(found({ source: 'two' })).toBe(3)
    expect(found({ level: 'WARN' })).toBe(2)
    expect(found({ source: 'two', level: 'ERROR', trace: TRACE })).toBe(1)
    expect(found({ text: 'no JSON' })).toBe(1)
    expect(ring.sources()).toEqual(['one', 'two'])
  })

  it('holds no secret, so that none can be searched for', () => {
    const ring = ringOf()
    ring.add(AT, 'gateway', line({ authorization: 'Bearer abcdef123456' }))
    expect(ring.search({ text: 'abcdef123456' }, { limit: 1 }).found).toBe(0)
    expect(ring.search({}, { limit: 1 }).lines[0]?.text).not.toContain('abcdef')
  })

  it('begins with what the log file holds at its end', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'hub-log-'))
    const first = await openHubLog(folder)
    first.write('gateway', line({ message: 'before', trace: TRACE }))
    await first.close()
    const second = await openHubLog(folder)
    const ring = ringOf()
    await second.follow(ring.add, { bytesMax: 10_000 })
    second.write('gateway', 'after')
    await second.close()
    await rm(folder, { recursive: true })
    expect(ring.search({}, { limit: 10 }).lines.map(({ text }) => text)).toEqual([
      'after',
      line({ message: 'before', trace: TRACE }),
    ])
    expect(ring.search({ trace: TRACE }, { limit: 10 }).found).toBe(1)
  })
})

describe('traceIdIn', () => {
  it.each([TRACE, `1-${TRACE.slice(0, 8)}-${TRACE.slice(8)}`, `00-${TRACE}-1d851100efbc1314-01`])(
    'reads %s',
    (given) => expect(traceIdIn(given)).toBe(TRACE),
  )
  it.each(['', 'xyz', TRACE.slice(1), `${TRACE}0`, undefined, 7])('refuses %s', (given) =>
    expect(traceIdIn(given)).toBeUndefined(),
  )
})
