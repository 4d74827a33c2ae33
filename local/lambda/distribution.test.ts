import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { createDurations } from './distribution.ts'

describe('durations', () => {
  it('has nothing to say before the first', () => {
    expect(createDurations().read()).toBeNull()
  })

  it('gives quantiles within a percent of the exact ones, and the exact mean', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0.01, max: 900_000, noNaN: true }), {
          minLength: 1,
          maxLength: 500,
        }),
        (values) => {
          const durations = createDurations()
          for (const value of values) durations.record(value)
          const read = durations.read()
          const sorted = values.toSorted((one, other) => one - other)
          // The histogram rounds the rank to the nearest whole number.
          const exact = (share: number, round: (rank: number) => number) =>
            sorted[Math.max(0, round(sorted.length * share) - 1)] ?? 0
          expect(read?.count).toBe(values.length)
          const mean = values.reduce((sum, value) => sum + value, 0) / values.length
          expect(read?.mean).toBeCloseTo(mean, 3)
          for (const [quantile, share] of [
            [read?.p50, 0.5],
            [read?.p95, 0.95],
            [read?.p99, 0.99],
          ] as const) {
            // Below a tenth of a millisecond the histogram's unit, a microsecond, is what counts.
            expect(quantile).toBeGreaterThanOrEqual(exact(share, Math.floor) * 0.99 - 0.002)
            expect(quantile).toBeLessThanOrEqual(exact(share, Math.ceil) * 1.01 + 0.002)
          }
        },
      ),
    )
  })

  it('keeps what is out of range at its bounds', () => {
    const durations = createDurations()
    durations.record(0)
    durations.record(1e12)
    expect(durations.read()).toMatchObject({ count: 2, p50: 0.001 })
  })
})
