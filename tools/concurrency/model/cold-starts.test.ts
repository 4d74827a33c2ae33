import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { coldStartsOf } from './cold-starts.ts'
import { erlangB } from './erlang.ts'

const settings = {
  bucketSeconds: 1,
  meanSeconds: 0.1,
  initSeconds: 0.4,
  provisioned: 0,
  quantile: 0.999,
}

describe('cold starts', () => {
  it('are none in a steady stream', () => {
    expect(coldStartsOf(Array(600).fill(50), settings)).toEqual({
      ...{ share: 0, worstMinuteShare: 0, growthMax: 0 },
    })
  })

  it('come with a burst, as many as arrive while environments import', () => {
    const rates = [...Array(300).fill(1), ...Array(60).fill(200)]
    const { growthMax, worstMinuteShare } = coldStartsOf(rates, settings)
    // 20 + 3.09 x sqrt(20) run at once, less the two that are warm; and of the 80 that come during an import nine in ten
    // find both busy.
    expect(growthMax).toBeCloseTo(32 + 200 * 0.4 * erlangB(20, 2), 6)
    // Of the 12,000 calls of the minute that begins with the burst.
    expect(worstMinuteShare).toBeCloseTo(growthMax / 12_000, 6)
  })

  it('are as rare as pauses longer than an environment lives', () => {
    // One call in ten minutes on average: it finds a warm one with probability 1 - exp(-1/2).
    const { share } = coldStartsOf(Array(120).fill(1 / 600), { ...settings, bucketSeconds: 60 })
    expect(share).toBeCloseTo(Math.exp(-0.5), 2)
  })

  it('are all but the first, of counted calls that are further apart than an environment lives', () => {
    const rates = Array.from({ length: 4_000 }, (_, second) => (second % 400 === 0 ? 1 : 0))
    expect(coldStartsOf(rates, settings).share).toBeCloseTo(0.9)
    const often = rates.map((_, second) => (second % 200 === 0 ? 1 : 0))
    expect(coldStartsOf(often, settings).share).toBeCloseTo(0)
  })

  it('never grow with what is kept warm, and are a share', () => {
    const rates = fc.array(fc.double({ min: 0, max: 500, noNaN: true }), {
      minLength: 1,
      maxLength: 120,
    })
    const kept = fc.integer({ min: 0, max: 100 })
    fc.assert(
      fc.property(rates, kept, fc.integer({ min: 0, max: 50 }), (series, provisioned, more) => {
        const less = coldStartsOf(series, { ...settings, provisioned: provisioned + more })
        const { share, worstMinuteShare } = coldStartsOf(series, { ...settings, provisioned })
        expect(less.share).toBeLessThanOrEqual(share + 1e-12)
        expect(less.worstMinuteShare).toBeLessThanOrEqual(worstMinuteShare + 1e-12)
        expect(share).toBeGreaterThanOrEqual(0)
        expect(share).toBeLessThanOrEqual(1)
      }),
    )
  })

  it('end where enough is kept warm', () => {
    const rates = [...Array(300).fill(1), ...Array(60).fill(200)]
    expect(coldStartsOf(rates, { ...settings, provisioned: 200 }).share).toBe(0)
  })
})
