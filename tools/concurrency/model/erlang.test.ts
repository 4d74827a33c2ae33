import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { erlangB, placesFor } from './erlang.ts'

// Values of Erlang's first formula, by exact fractions of its definition.
const KNOWN = [
  [10, 15, 0.036_496_9],
  [5, 10, 0.018_384_6],
  [1, 1, 0.5],
  [20, 30, 0.008_457_5],
  [100, 117, 0.009_790_1],
  [0.5, 3, 0.012_658_2],
  [50, 64, 0.008_439_4],
] as const

const loads = fc.double({ min: 0.001, max: 500, noNaN: true })
const places = fc.integer({ min: 1, max: 600 })

/** The formula as it is written, for loads that do not overflow it. */
const byDefinition = (load: number, count: number): number => {
  let [term, sum] = [1, 1]
  for (let place = 1; place <= count; place += 1) {
    term *= load / place
    sum += term
  }
  return term / sum
}

describe('erlangB', () => {
  it.each(KNOWN)('refuses of %d erlangs on %d places the share %d', (load, count, blocked) => {
    expect(erlangB(load, count)).toBeCloseTo(blocked, 7)
  })

  it('is the formula of its definition', () => {
    fc.assert(
      fc.property(loads, fc.integer({ min: 1, max: 150 }), (load, count) => {
        expect(erlangB(load, count)).toBeCloseTo(byDefinition(load, count), 10)
      }),
    )
  })

  it('refuses nobody without load, and everybody without places', () => {
    expect(erlangB(0, 3)).toBe(0)
    expect(erlangB(3, 0)).toBe(1)
    expect(erlangB(0, 0)).toBe(1)
  })

  it('grows with the load, shrinks with the places, and is a probability', () => {
    fc.assert(
      fc.property(loads, loads, places, (one, other, count) => {
        const [less, more] = [Math.min(one, other), Math.max(one, other)]
        const [low, high] = [erlangB(less, count), erlangB(more, count)]
        expect(low).toBeGreaterThanOrEqual(0)
        expect(high).toBeLessThanOrEqual(1)
        expect(low).toBeLessThanOrEqual(high + 1e-15)
        expect(erlangB(less, count + 1)).toBeLessThanOrEqual(low)
      }),
    )
  })

  it('refuses what is no load and no number of places', () => {
    for (const load of [-1, Number.NaN, Number.POSITIVE_INFINITY])
      expect(() => erlangB(load, 1)).toThrow(RangeError)
    for (const count of [-1, 1.5, Number.NaN]) expect(() => erlangB(1, count)).toThrow(RangeError)
  })
})

describe('placesFor', () => {
  it('is the fewest that keep the promise', () => {
    fc.assert(
      fc.property(loads, fc.double({ min: 1e-6, max: 0.5, noNaN: true }), (load, blockedMax) => {
        const count = placesFor(load, blockedMax)
        expect(erlangB(load, count)).toBeLessThanOrEqual(blockedMax)
        if (count > 0) expect(erlangB(load, count - 1)).toBeGreaterThan(blockedMax)
      }),
    )
  })

  it('never needs less for more load', () => {
    fc.assert(
      fc.property(loads, loads, (one, other) => {
        const [less, more] = [Math.min(one, other), Math.max(one, other)]
        expect(placesFor(less, 0.001)).toBeLessThanOrEqual(placesFor(more, 0.001))
      }),
    )
  })

  it('is 0 without load, and refuses what is no probability', () => {
    expect(placesFor(0, 0.01)).toBe(0)
    for (const blockedMax of [0, 1, -1, Number.NaN])
      expect(() => placesFor(1, blockedMax)).toThrow(RangeError)
  })
})
