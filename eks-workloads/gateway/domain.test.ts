import { describe, expect, it } from '@jest/globals'
import * as fc from 'fast-check'
import type { Instant } from '../../shared/kernel/time.ts'
import { fakeClock } from '../../tests/support/clock.ts'
import {
  admit,
  BREAKER_FAILURES_MIN,
  BREAKER_OPEN_MS,
  BREAKER_WINDOW_MS,
  type Breaker,
  closedBreaker,
  isServiceFailure,
  rateKeyOf,
  record,
  released,
} from './domain.ts'
import { createEpochs } from './epochs.ts'
import { probeContract } from './fixtures/hub.ts'
import { closeFrame, followFrames } from './frames.ts'
import { createLookup } from './lookup.ts'
import { createRouter, readTarget } from './routing.ts'

const at = (ms: number) => ms as Instant

const after = (
  outcomes: readonly ('success' | 'failure')[],
  from: Breaker = closedBreaker(at(0)),
) => outcomes.reduce((breaker, outcome) => record(breaker, outcome, at(1)), from)

const failures = (count: number) => Array.from({ length: count }, () => 'failure' as const)

describe('a breaker', () => {
  it('opens at the tenth failure, not before, and only when half of all calls fail', () => {
    expect(after(failures(BREAKER_FAILURES_MIN - 1)).state).toBe('closed')
    expect(after(failures(BREAKER_FAILURES_MIN)).state).toBe('open')
    const successes = Array.from({ length: 20 }, () => 'success' as const)
    expect(after([...successes, ...failures(BREAKER_FAILURES_MIN)]).state).toBe('closed')
  })

  it('forgets failures of an earlier window', () => {
    const almost = after(failures(BREAKER_FAILURES_MIN - 1))
    expect(record(almost, 'failure', at(BREAKER_WINDOW_MS)).state).toBe('closed')
  })

  it('lets one trial through after its time, and another only if nothing is heard of that', () => {
    const open = after(failures(BREAKER_FAILURES_MIN))
    expect(admit(open, at(2), 100).retryAfterMs).toBe(BREAKER_OPEN_MS - 1)
    const trial = admit(open, at(BREAKER_OPEN_MS + 1), 100)
    expect(trial).toMatchObject({ retryAfterMs: 0, breaker: { state: 'half_open' } })
    expect(admit(trial.breaker, at(BREAKER_OPEN_MS + 50), 100).retryAfterMs).toBe(51)
    expect(admit(trial.breaker, at(BREAKER_OPEN_MS + 101), 100).retryAfterMs).toBe(0)
    expect(record(trial.breaker, 'success', at(BREAKER_OPEN_MS + 9)).state).toBe('closed')
    expect(record(trial.breaker, 'failure', at(BREAKER_OPEN_MS + 9)).state).toBe('open')
    const left = released(trial.breaker, at(BREAKER_OPEN_MS + 9))
    expect(admit(left, at(BREAKER_OPEN_MS + 9), 100)).toMatchObject({
      ...{ retryAfterMs: 0, breaker: { state: 'half_open' } },
    })
  })

  it('counts a deliberate 503 of the service as an answer', () => {
    expect(isServiceFailure(503, 'application/problem+json')).toBe(false)
    expect(isServiceFailure(503, 'text/html')).toBe(true)
    expect(isServiceFailure(502, 'application/problem+json')).toBe(true)
    expect(isServiceFailure(500, 'application/problem+json')).toBe(false)
  })
})

describe('the key of a rate limit', () => {
  it('never mixes two people, two organisations, or a person with an address', () => {
    const access = { accountId: 'acc', organizationId: 'org' } as never
    const keys = [
      rateKeyOf('default', { access, clientAddress: '1' }),
      rateKeyOf('default', { access: undefined, clientAddress: '1' }),
      rateKeyOf('sensitive', { access, clientAddress: '2' }),
    ]
    expect(new Set(keys).size).toBe(3)
  })

  it('is one for all the addresses that one IPv6 customer has', () => {
    const keyOf = (clientAddress: string) =>
      rateKeyOf('sensitive', { access: undefined, clientAddress })
    expect(keyOf('2001:db8:1:2::1')).toBe(keyOf('2001:db8:1:2:ffff::9'))
    expect(keyOf('2001:db8:1:2::1')).not.toBe(keyOf('2001:db8:1:3::1'))
  })
})

describe('the router', () => {
  const router = createRouter([probeContract])

  it('prefers a literal segment, and fills a parameter with exactly one', () => {
    expect(router.find('GET', '/v1/probes/special').name).toBe('special')
    expect(router.find('GET', '/v1/probes/other').name).toBe('get')
    expect(() => router.find('GET', '/v1/probes/a/b')).toThrow('There is no such operation.')
    expect(() => router.find('GET', '/v1/probes/')).toThrow('There is no such operation.')
  })

  it('refuses two operations on one path', () => {
    expect(() => createRouter([probeContract, probeContract])).toThrow('is routed twice')
  })

  it('knows no internal operation, and not by another method either', () => {
    expect(router.methodsOf('/v1/probes/inside/x')).toEqual([])
  })

  // Whatever passes must mean the same to us and to a URL parser behind us.
  it('passes no target that a URL parser would read as another path', () => {
    const piece = fc.constantFrom(
      '/',
      '.',
      '%2e',
      '%2E',
      '%2f',
      '\\',
      'a',
      '?',
      '#',
      '%00',
      ';',
      ' ',
    )
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const target = `/${pieces.join('')}`
        let path: string
        try {
          path = readTarget(target).path
        } catch {
          return
        }
        expect(new URL(target, 'http://hub').pathname).toBe(path)
      }),
      { numRuns: 5_000 },
    )
  })
})

describe('what is remembered of another service', () => {
  const make = (options: { freshMs?: number; staleMsMax?: number } = {}) => {
    const clock = fakeClock()
    const epochs = createEpochs()
    const asked: ((answer: string | Error) => void)[] = []
    const lookup = createLookup<string, string>({
      ask: () =>
        new Promise((resolve, reject) => {
          asked.push((answer) => (answer instanceof Error ? reject(answer) : resolve(answer)))
        }),
      nameOf: (key) => key,
      dependsOn: () => ['group'],
      entriesMax: 100,
      freshMs: () => options.freshMs ?? 1_000,
      staleMsMax: options.staleMsMax ?? 10_000,
      epochs,
      clock: clock.now,
    })
    return { clock, epochs, asked, lookup }
  }

  it('is asked for once by many, and again when it is old', async () => {
    const { clock, asked, lookup } = make()
    const answers = Promise.all([lookup.get('a'), lookup.get('a'), lookup.get('a')])
    asked[0]?.('one')
    expect(await answers).toEqual(['one', 'one', 'one'])
    clock.advanceMs(999)
    expect(await lookup.get('a')).toBe('one')
    clock.advanceMs(1)
    const next = lookup.get('a')
    asked[1]?.('two')
    expect(await next).toBe('two')
    expect(asked.length).toBe(2)
  })

  it('is never an answer that a change overtook on its way', async () => {
    const { epochs, asked, lookup } = make()
    const answer = lookup.get('a')
    epochs.change('group')
    asked[0]?.('old')
    await new Promise(setImmediate)
    asked[1]?.('new')
    expect(await answer).toBe('new')
    expect(await lookup.get('a')).toBe('new')
  })

  it('gives way to what was learnt otherwise, also while a question is under way', async () => {
    const { asked, lookup } = make()
    const answer = lookup.get('a')
    lookup.put('a', 'revoked')
    asked[0]?.('live')
    await new Promise(setImmediate)
    asked[1]?.('revoked')
    expect(await answer).toBe('revoked')
    expect(await lookup.get('a')).toBe('revoked')
  })

  it('serves while nobody answers, up to a bound, but not once a change was heard', async () => {
    const { clock, epochs, asked, lookup } = make()
    const first = lookup.get('a')
    asked[0]?.('one')
    await first
    clock.advanceMs(5_000)
    const stale = lookup.get('a')
    asked[1]?.(new Error('away'))
    expect(await stale).toBe('one')
    clock.advanceMs(5_000)
    const tooOld = lookup.get('a')
    asked[2]?.(new Error('away'))
    await expect(tooOld).rejects.toThrow('away')
    const again = lookup.get('a')
    asked[3]?.('two')
    expect(await again).toBe('two')
    epochs.change('group')
    const changed = lookup.get('a')
    asked[4]?.(new Error('away'))
    await expect(changed).rejects.toThrow('away')
  })

  it('counts as changed altogether, rather than not at all, when too many names changed', () => {
    const epochs = createEpochs(2)
    const before = epochs.now()
    epochs.change('a')
    epochs.change('b')
    expect(epochs.isCurrent(before, ['c'])).toBe(true)
    epochs.change('d')
    expect(epochs.isCurrent(before, ['c'])).toBe(false)
    expect(epochs.isCurrent(epochs.now(), ['a', 'b', 'c', 'd'])).toBe(true)
  })
})

describe('following a server’s frames', () => {
  const frame = (length: number) => {
    const header =
      length < 126
        ? [0x82, length]
        : length < 65_536
          ? [0x82, 126, length >> 8, length & 0xff]
          : [
              0x82,
              127,
              0,
              0,
              0,
              0,
              length >>> 24,
              (length >> 16) & 0xff,
              (length >> 8) & 0xff,
              length & 0xff,
            ]
    return Buffer.concat([Buffer.from(header), Buffer.alloc(length)])
  }

  it('finds the end of every frame, however the bytes are cut', () => {
    const lengths = fc.array(fc.constantFrom(0, 1, 125, 126, 300, 65_535, 65_536), { maxLength: 4 })
    fc.assert(
      fc.property(lengths, fc.integer({ min: 1, max: 5_000 }), (sizes, cut) => {
        const bytes = Buffer.concat(sizes.map(frame))
        const ends = new Set<number>([0])
        let end = 0
        for (const size of sizes) {
          end += frame(size).length
          ends.add(end)
        }
        const boundary = followFrames()
        const wrong: number[] = []
        for (let start = 0; start < bytes.length; start += cut) {
          boundary.take(bytes.subarray(start, start + cut))
          const position = Math.min(start + cut, bytes.length)
          if (boundary.isAtBoundary() !== ends.has(position)) wrong.push(position)
        }
        expect(wrong).toEqual([])
      }),
      { numRuns: 100 },
    )
  })

  it('closes with a code that a client understands', () => {
    expect([...closeFrame(1012)]).toEqual([0x88, 2, 0x03, 0xf4])
  })
})
