import { probit, quantileSorted } from 'simple-statistics'

/** What a function is asked for at its busiest, and on average. */
export type Demand = {
  /** Over the whole profile. */
  readonly meanPerSecond: number
  /** The quantile of the seconds (or minutes) of the profile. */
  readonly peakPerSecond: number
  /** Erlangs at the peak: how many run at once, on average of such a moment. */
  readonly load: number
  /** How many run at once in all but 1 - quantile of such moments, by the normal approximation. */
  readonly burst: number
}

/**
 * Little's law at a quantile of the arrivals: L = lambda x W (J. D. C. Little, 1961), which AWS states as concurrency =
 * requests per second x seconds per request. Around that mean the number of running invocations is Poisson for Poisson
 * arrivals, close to normal with variance L: L + z sqrt(L) (square-root staffing).
 *
 * @param rates arrivals per second in each bucket.
 * @param bucketSeconds how long a bucket is; a duration above it spreads a burst over several.
 * @param quantile of the buckets, such as 0.999.
 */
export const demandOf = (
  rates: readonly number[],
  {
    bucketSeconds,
    meanSeconds,
    quantile,
  }: { bucketSeconds: number; meanSeconds: number; quantile: number },
): Demand => {
  if (rates.length === 0) return { meanPerSecond: 0, peakPerSecond: 0, load: 0, burst: 0 }
  const meanPerSecond = rates.reduce((sum, rate) => sum + rate, 0) / rates.length
  const peakPerSecond = quantileOf(rates, quantile)
  const window = Math.max(1, Math.ceil(meanSeconds / bucketSeconds))
  const load = quantileOf(movingMeans(rates, window), quantile) * meanSeconds
  return { meanPerSecond, peakPerSecond, load, burst: upperOf(load, quantile) }
}

/** The number that is exceeded by a share of 1 - quantile, where the mean is `load`. */
export const upperOf = (load: number, quantile: number): number =>
  load + probit(quantile) * Math.sqrt(load)

const quantileOf = (values: readonly number[], quantile: number): number =>
  quantileSorted(
    values.toSorted((one, other) => one - other),
    quantile,
  )

/** Of each bucket and those just before it. */
const movingMeans = (values: readonly number[], window: number): readonly number[] => {
  let sum = 0
  return values.map((value, index) => {
    sum += value - (index >= window ? (values[index - window] ?? 0) : 0)
    return Math.max(0, sum) / Math.min(window, values.length)
  })
}
