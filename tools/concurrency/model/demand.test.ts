import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { demandOf, upperOf } from './demand.ts'

const rates = fc.array(fc.double({ min: 0, max: 10_000, noNaN: true }), {
  minLength: 1,
  maxLength: 200,
})
const seconds = fc.double({ min: 0.001, max: 30, noNaN: true })

describe('demand', () => {
  it('is rate times duration, of a steady stream', () => {
    const of = { bucketSeconds: 1, meanSeconds: 0.25, quantile: 0.999 }
    const demand = demandOf(Array(600).fill(40), of)
    expect(demand).toMatchObject({ meanPerSecond: 40, peakPerSecond: 40, load: 10 })
    // 10 + 3.0902 x sqrt(10); the library's quantile of the normal curve is good to half a percent.
    expect(demand.burst / 19.772).toBeCloseTo(1, 2)
  })

  it('is that of the burst, not of the mean', () => {
    const of = { bucketSeconds: 1, meanSeconds: 0.1, quantile: 0.99 }
    const series = [...Array(970).fill(1), ...Array(30).fill(200)]
    expect(demandOf(series, of)).toMatchObject({ peakPerSecond: 200, load: 20 })
    // Six calls of seven are of the burst: below a seventh nothing is.
    expect(demandOf(series, { ...of, quantile: 0.9 })).toMatchObject({ peakPerSecond: 200 })
    expect(demandOf(series, { ...of, quantile: 0.1 })).toMatchObject({ peakPerSecond: 1 })
  })

  it('is that of a burst which is less than a thousandth of a day, and most of its calls', () => {
    const of = { bucketSeconds: 1, meanSeconds: 0.1, quantile: 0.999 }
    const day = [...Array(86_340).fill(0.5), ...Array(60).fill(500)]
    expect(demandOf(day, of)).toMatchObject({ peakPerSecond: 500, load: 50 })
  })

  it('names the busiest second, where the quantile leaves it out', () => {
    const of = { bucketSeconds: 1, meanSeconds: 0.1, quantile: 0.999 }
    const day = [...Array(86_399).fill(100), 5_000]
    expect(demandOf(day, of)).toMatchObject({ peakPerSecond: 100, mostPerSecond: 5_000 })
  })

  it('is at most what may run at once', () => {
    const of = { bucketSeconds: 1, meanSeconds: 0.5, quantile: 0.999, loadMax: 24 }
    expect(demandOf(Array(60).fill(100), of)).toMatchObject({ load: 24, burst: 24 })
  })

  it('spreads a burst over durations that are longer than it', () => {
    const of = { bucketSeconds: 1, meanSeconds: 10, quantile: 0.999 }
    // 100 calls of one second, each of 10 s: 100 run at once, not 1,000.
    expect(demandOf([...Array(50).fill(0), 100, ...Array(50).fill(0)], of).load).toBeCloseTo(100)
  })

  it('never falls when calls grow or take longer', () => {
    fc.assert(
      fc.property(
        rates,
        seconds,
        fc.double({ min: 1, max: 10, noNaN: true }),
        (series, mean, k) => {
          const of = { bucketSeconds: 1, meanSeconds: mean, quantile: 0.999 }
          const { load, burst } = demandOf(series, of)
          const more = demandOf(
            series.map((rate) => rate * k),
            of,
          )
          expect(more.load).toBeGreaterThanOrEqual(load * (1 - 1e-9))
          expect(more.burst).toBeGreaterThanOrEqual(burst * (1 - 1e-9))
        },
      ),
    )
  })

  it('is nothing where nobody calls', () => {
    const of = { bucketSeconds: 1, meanSeconds: 1, quantile: 0.999 }
    const nothing = { meanPerSecond: 0, peakPerSecond: 0, mostPerSecond: 0, load: 0, burst: 0 }
    expect(demandOf([], of)).toEqual(nothing)
    expect(demandOf([0, 0], of)).toEqual(nothing)
  })
})

describe('upperOf', () => {
  it('is the mean at the median, and further out for a higher quantile', () => {
    expect(upperOf(25, 0.5)).toBeCloseTo(25)
    expect(upperOf(25, 0.977_25)).toBeCloseTo(35, 1)
  })
})
