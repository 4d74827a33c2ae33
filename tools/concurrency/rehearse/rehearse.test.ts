import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import type { ConcurrencyFigures } from '../../../local/hub/concurrency.ts'
import { figuresOf, sampleStack, sampleTargets, sampleTraffic } from '../fixtures/sample.ts'
import { erlangB } from '../model/erlang.ts'
import { needOf } from '../plan/need.ts'
import type { Setting, Settings } from '../plan/pool.ts'
import type { Traffic } from '../traffic/traffic.ts'
import { arrivalsOf } from './arrivals.ts'
import { onOneMachine, predictedBy, smallFigures } from './figures.ts'
import type { Played } from './play.ts'
import { busiestWindow, cutTo, totalRates } from './window.ts'
import { worstLatency } from './worst.ts'

describe('the window that is played', () => {
  it('is the busiest, scaled so that its peak fits the machine', () => {
    const traffic = sampleTraffic({
      authHttp: [1, 1, 50, 100, 50, 1, 1],
      userHttp: Array(7).fill(0),
    })
    const window = busiestWindow(traffic, { seconds: 3, ratePerSecond: 10 })
    expect(window).toEqual({ fromSecond: 2, seconds: 3, scale: 0.1 })
    expect(totalRates(cutTo(traffic, window))).toEqual([5, 10, 5])
  })

  it('is never scaled up, nor longer than the profile', () => {
    const traffic = sampleTraffic({ authHttp: [1, 2] }, { bucketSeconds: 10 })
    expect(busiestWindow(traffic, { seconds: 60, ratePerSecond: 10 })).toEqual({
      ...{ fromSecond: 0, seconds: 20, scale: 1 },
    })
    const cut = cutTo(traffic, { fromSecond: 0, seconds: 20, scale: 1 })
    expect(cut.rates.get('authHttp')).toEqual([...Array(10).fill(1), ...Array(10).fill(2)])
  })
})

describe('arrivals', () => {
  const traffic = sampleTraffic({ authHttp: Array(400).fill(20), userHttp: Array(400).fill(5) })

  it('are the same for a seed, in order, within their time', () => {
    fc.assert(
      fc.property(fc.nat({ max: 1_000 }), (seed) => {
        const arrivals = arrivalsOf(traffic, seed)
        expect(arrivalsOf(traffic, seed)).toEqual(arrivals)
        for (const [index, { dueMs }] of arrivals.entries()) {
          expect(dueMs).toBeGreaterThanOrEqual(arrivals[index - 1]?.dueMs ?? 0)
          expect(dueMs).toBeLessThan(400_000)
        }
      }),
      { numRuns: 5 },
    )
  })

  it('are as many as the rates say, spread as chance spreads them', () => {
    const arrivals = arrivalsOf(traffic, 7).filter(({ functionKey }) => functionKey === 'authHttp')
    // Of 8,000 the standard deviation is 89.
    expect(Math.abs(arrivals.length - 8_000)).toBeLessThan(450)
    const perSecond = Array.from({ length: 400 }, () => 0)
    for (const { dueMs } of arrivals) {
      const second = Math.floor(dueMs / 1_000)
      perSecond[second] = (perSecond[second] ?? 0) + 1
    }
    const mean = arrivals.length / 400
    const variance = perSecond.reduce((sum, count) => sum + (count - mean) ** 2, 0) / 400
    // A Poisson number varies by its mean; a steady stream would not vary at all.
    expect(variance / mean).toBeGreaterThan(0.7)
    expect(variance / mean).toBeLessThan(1.4)
  })
})

describe('figures at a scale', () => {
  const figures = figuresOf(sampleStack, { durationMs: { mean: 200, p50: 1, p95: 1, p99: 1 } })
  const targets = { ...sampleTargets, account: 400 }
  const needsIn = (traffic: Traffic, stack = sampleStack) =>
    stack.functions.map((of) => needOf(of, { stack, traffic, figures, targets }))
  // 100 erlangs of one door and 200 of another.
  const rates = { authHttp: Array(60).fill(500), userHttp: Array(60).fill(1_000) }
  const at = (scale: number) =>
    sampleTraffic(
      Object.fromEntries(
        Object.entries(rates).map(([key, series]) => [key, series.map((rate) => rate * scale)]),
      ),
    )
  const scaled = {
    full: needsIn(at(1)),
    small: needsIn(at(0.01)).map(onOneMachine),
    ...{ account: 400, scale: 0.01 },
  }
  const settings = (entries: Readonly<Record<string, Partial<Setting>>>): Settings =>
    new Map(
      Object.entries(entries).map(([key, { reserved, provisioned }]) => [
        key,
        { reserved, provisioned },
      ]),
    )
  const sum = ({ unreserved, functions }: ConcurrencyFigures) =>
    Object.values(functions).reduce((all, { reserved }) => all + (reserved ?? 0), unreserved)

  it('are as many places as refuse the same share, and as many in all for both sides', () => {
    const now = settings({ rbacJobs: { reserved: 1 } })
    const proposed = settings({ rbacJobs: { reserved: 1 }, authHttp: { reserved: 105 } })
    const small = smallFigures({ now, proposed }, scaled)
    expect(sum(small.now)).toBe(sum(small.proposed))
    expect(small.now.functions).toEqual({ rbacJobs: { reserved: 1 } })
    // Of an erlang on 4 places one call in 65 is refused; of a hundred on 105, one in 23: three are too few, one in 16.
    expect(erlangB(100, 105)).toBeGreaterThan(erlangB(1, 4))
    expect(erlangB(100, 105)).toBeLessThan(erlangB(1, 3))
    expect(small.proposed.functions.authHttp).toEqual({ reserved: 4 })
    const predicted = predictedBy(scaled.small, small.proposed)
    expect(predicted.get('authHttp')).toBeCloseTo(erlangB(1, 4))
    expect(predicted.get('userHttp')).toBeCloseTo(erlangB(2, small.proposed.unreserved))
  })

  it('show the same on both sides where nothing is proposed', () => {
    const present = settings({ outboxPublisher: { reserved: 5 }, rbacJobs: { reserved: 1 } })
    const { now, proposed } = smallFigures({ now: present, proposed: present }, scaled)
    expect(now).toEqual(proposed)
    expect(now.functions).toEqual({ outboxPublisher: { reserved: 1 }, rbacJobs: { reserved: 1 } })
  })

  it('keep what is warm, of one at least, and a reservation of nothing', () => {
    const present = settings({
      authHttp: { reserved: 0 },
      userHttp: { provisioned: 250 },
      progressHttp: { provisioned: 1 },
    })
    const { now } = smallFigures({ now: present, proposed: present }, scaled)
    expect(now.functions).toEqual({
      authHttp: { reserved: 0 },
      userHttp: { provisioned: 3 },
      progressHttp: { provisioned: 1 },
    })
  })

  it('fit the machine', () => {
    const none = settings({})
    const { now } = smallFigures(
      { now: none, proposed: none },
      { ...scaled, small: scaled.full.map(onOneMachine), scale: 1 },
    )
    expect(now.unreserved).toBe(48)
  })
})

describe('the worst latency', () => {
  const played = (calls: number, p99: number) =>
    ({ calls, latencyMs: { count: calls, mean: 1, p50: 1, p95: 1, p99 } }) as unknown as Played

  it('is that of a function with enough calls', () => {
    const all = new Map([
      ['authHttp', played(99, 9_000)],
      ['userHttp', played(100, 80)],
      ['courseHttp', played(500, 120)],
    ])
    expect(worstLatency(all)).toBe('worst p99 120 ms (courseHttp)')
    expect(worstLatency(new Map([['authHttp', played(99, 9_000)]]))).toMatch(/^no function had/)
  })
})
