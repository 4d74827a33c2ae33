import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { figuresOf, sampleContext, sampleStack, sampleTraffic } from '../fixtures/sample.ts'
import { planFor } from '../plan/plan.ts'
import { arrivalsOf } from './arrivals.ts'
import { presentFigures, proposedFigures } from './figures.ts'
import { busiestWindow, cutTo, totalRates } from './window.ts'

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
  const traffic = sampleTraffic({ authHttp: [...Array(50).fill(1), ...Array(50).fill(400)] })
  const plan = planFor({
    ...{ ...sampleContext, traffic },
    figures: figuresOf(sampleStack),
  })

  const window = { fromSecond: 0, seconds: 10, scale: 0.01 }

  it('keep each reservation, of one place at least', () => {
    expect(presentFigures(plan, window)).toEqual({
      unreserved: 10,
      functions: { outboxPublisher: { reserved: 1 }, rbacJobs: { reserved: 1 } },
    })
  })

  it('are what the plan for the smaller traffic proposes, with a pool that fits the machine', () => {
    const { unreserved, functions } = proposedFigures(plan, { scaledPlan: plan, window })
    expect(unreserved).toBe(Math.ceil(plan.proposed.unreserved * 0.01))
    const whole = { ...window, scale: 1 }
    expect(proposedFigures(plan, { scaledPlan: plan, window: whole }).unreserved).toBe(48)
    const { proposed } = plan.functions.find(({ of }) => of.key === 'authHttp') ?? {}
    expect(functions.authHttp).toEqual({
      ...{ reserved: proposed?.reserved, provisioned: proposed?.provisioned },
    })
    expect(functions.userHttp).toBeUndefined()
  })
})
