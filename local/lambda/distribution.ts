import { createHistogram } from 'node:perf_hooks'

/** How long something took, in milliseconds; quantiles are exact to one percent. */
export type Distribution = {
  readonly count: number
  readonly mean: number
  readonly p50: number
  readonly p95: number
  readonly p99: number
  readonly max: number
}

/** Collects durations in bounded memory (an HDR histogram of about 30 KB), however many there are. */
export type Durations = {
  readonly record: (ms: number) => void
  /** Null while nothing was recorded. */
  readonly read: () => Distribution | null
}

const MICROSECONDS_PER_MS = 1_000
/** An hour: beyond any timeout of Lambda. What is longer counts as this. */
const DURATION_MICROSECONDS_MAX = 3_600_000_000
/** Significant figures that the histogram keeps. */
const FIGURES = 2

export function createDurations(): Durations {
  const histogram = createHistogram({
    lowest: 1,
    highest: DURATION_MICROSECONDS_MAX,
    figures: FIGURES,
  })
  // The histogram's own sum is over its buckets; a mean wants no rounding.
  let sumMs = 0
  const quantile = (percent: number) => histogram.percentile(percent) / MICROSECONDS_PER_MS
  return {
    record: (ms) => {
      const microseconds = Math.round(ms * MICROSECONDS_PER_MS)
      histogram.record(Math.min(Math.max(microseconds, 1), DURATION_MICROSECONDS_MAX))
      sumMs += ms
    },
    read: () =>
      histogram.count === 0
        ? null
        : {
            count: histogram.count,
            mean: sumMs / histogram.count,
            p50: quantile(50),
            p95: quantile(95),
            p99: quantile(99),
            max: histogram.max / MICROSECONDS_PER_MS,
          },
  }
}
