import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { erlangB } from './erlang.ts'
import {
  mixOf,
  overflowOf,
  peakOf,
  refusedShare,
  refusedShares,
  type Stream,
  timesAsMany,
  worstShare,
} from './mix.ts'

const stream = (rates: readonly number[], changes: Partial<Stream> & { mean: number }): Stream => ({
  ...{ calls: rates, rates, loads: rates.map((rate) => rate * changes.mean), isAwaited: true },
  ...changes,
})

describe('a mix of streams', () => {
  it('refuses one steady stream what Erlang’s formula says', () => {
    const mix = mixOf([stream(Array(100).fill(40), { mean: 0.5 })])
    expect(refusedShare(mix, 30)).toBeCloseTo(erlangB(20, 30), 9)
    const more = timesAsMany(stream(Array(100).fill(40), { mean: 0.5 }), 1.5)
    expect(refusedShares(mixOf([more]), 30)[0]).toBeCloseTo(erlangB(30, 30), 9)
    expect(timesAsMany({ ...more, loadMax: 40 }, 2).loads[0]).toBe(40)
  })

  it('refuses a burst’s calls, however much of the day has none of them', () => {
    // A day at one call in two seconds, and a minute at 500 a second: two calls in five are of that minute.
    const rates = [...Array(86_340).fill(0.5), ...Array(60).fill(500)]
    const mix = mixOf([stream(rates, { mean: 0.075 })])
    // In the minute three places take 30 of 500 calls a second, which is less than Erlang's formula lets through.
    expect(refusedShare(mix, 3)).toBeCloseTo((30_000 * 0.94) / (43_170 + 30_000), 3)
    expect(worstShare(mix, 3)).toBeCloseTo(0.94)
    expect(peakOf(mix, 0.999)).toEqual({ load: 37.5, awaited: 500 })
  })

  it('takes ten awaited calls a second and place, however short they are', () => {
    const rates = Array(10).fill(40)
    const short = { mean: 0.001 }
    expect(refusedShare(mixOf([stream(rates, short)]), 1)).toBeCloseTo(0.75)
    const fire = stream(rates, { ...short, isAwaited: false })
    expect(refusedShare(mixOf([fire]), 1)).toBeCloseTo(erlangB(0.04, 1))
    // Together: the limit counts the awaited ones alone, and refuses no other.
    const [awaited, other] = refusedShares(mixOf([stream(rates, short), fire]), 1)
    expect(awaited).toBeCloseTo(0.75)
    expect(other).toBeCloseTo(erlangB(0.08, 1))
  })

  it('refuses each stream by the moments in which it calls', () => {
    const [early, late] = refusedShares(
      mixOf([stream([100, 0], { mean: 0.1 }), stream([0, 10], { mean: 0.1 })]),
      10,
    )
    expect(early).toBeCloseTo(erlangB(10, 10))
    expect(late).toBeCloseTo(erlangB(1, 10))
  })

  it('has the peak of each stream, and none is hidden by what others do all day', () => {
    const all = stream(Array(100_000).fill(1_000), { mean: 0.1, isAwaited: false })
    const burst = stream([...Array(99_999).fill(0), 900], { mean: 0.1 })
    expect(peakOf(mixOf([all, burst]), 0.999)).toEqual({ load: 190, awaited: 900 })
    expect(peakOf(mixOf([all]), 0.999)).toEqual({ load: 100, awaited: 0 })
  })

  it('gives what a stream’s own places do not take to those that are shared', () => {
    const over = overflowOf(stream(Array(10).fill(100), { mean: 0.2 }), 20)
    const share = erlangB(20, 20)
    expect(over.loads[0]).toBeCloseTo(20 * share)
    expect(refusedShare(mixOf([over]), 2)).toBeCloseTo(share * erlangB(20 * share, 2))
  })

  it('never refuses more on more places, and gives a share', () => {
    const rates = fc.array(fc.double({ min: 0, max: 500, noNaN: true }), { maxLength: 30 })
    fc.assert(
      fc.property(rates, rates, fc.nat({ max: 60 }), fc.nat({ max: 20 }), (one, other, n, more) => {
        const mix = mixOf([
          stream(one, { mean: 0.2 }),
          stream(other, { mean: 0.01, isAwaited: false }),
        ])
        const [few, many] = [refusedShares(mix, n), refusedShares(mix, n + more)]
        many.forEach((share, index) => {
          expect(share).toBeGreaterThanOrEqual(0)
          expect(share).toBeLessThanOrEqual((few[index] ?? 0) + 1e-12)
          expect(share).toBeLessThanOrEqual(1)
        })
      }),
    )
  })

  it('is nothing where nobody calls', () => {
    expect(refusedShares(mixOf([stream([0, 0], { mean: 1 })]), 0)).toEqual([0])
    expect(refusedShare(mixOf([]), 0)).toBe(0)
    expect(peakOf(mixOf([]), 0.999)).toEqual({ load: 0, awaited: 0 })
  })
})
