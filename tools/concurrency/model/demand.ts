import { probit } from 'simple-statistics'

/** What a function is asked for at its busiest, and on average. */
export type Demand = {
  /** Over the whole profile. */
  readonly meanPerSecond: number
  /** What all but 1 - quantile of the calls meet, or less. */
  readonly peakPerSecond: number
  /** Of the busiest bucket, whatever the quantile leaves out. */
  readonly mostPerSecond: number
  /** Erlangs at the peak: how many run at once, on average of such a moment. */
  readonly load: number
  /** How many run at once in all but 1 - quantile of such moments, by the normal approximation. */
  readonly burst: number
}

/** How long the calls of a series take. */
export type Timing = {
  /** How long a bucket is; a duration above it spreads a burst over several. */
  readonly bucketSeconds: number
  readonly meanSeconds: number
  /** No more ever run at once: the partitions of a consumer, whose records wait there. */
  readonly loadMax?: number | undefined
}

/**
 * Little's law at a quantile of the calls: L = lambda x W (J. D. C. Little, 1961), which AWS states as concurrency =
 * requests per second x seconds per request. Around that mean the number of running invocations is Poisson for Poisson
 * arrivals, close to normal with variance L: L + z sqrt(L) (square-root staffing).
 *
 * The quantile counts calls, not seconds: a minute in which half of a day's calls come is half of what people see.
 *
 * @param rates arrivals per second in each bucket.
 * @param quantile of the calls, such as 0.999.
 */
export const demandOf = (
  rates: readonly number[],
  { quantile, ...timing }: Timing & { readonly quantile: number },
): Demand => {
  if (rates.length === 0)
    return { meanPerSecond: 0, peakPerSecond: 0, mostPerSecond: 0, load: 0, burst: 0 }
  const load = quantileOfCalls(loadsOf(rates, timing), rates, quantile)
  return {
    meanPerSecond: rates.reduce((sum, rate) => sum + rate, 0) / rates.length,
    peakPerSecond: quantileOfCalls(rates, rates, quantile),
    mostPerSecond: rates.reduce((most, rate) => Math.max(most, rate), 0),
    load,
    burst: Math.min(upperOf(load, quantile), timing.loadMax ?? Number.POSITIVE_INFINITY),
  }
}

/** Erlangs in each bucket. */
export const loadsOf = (
  rates: readonly number[],
  { bucketSeconds, meanSeconds, loadMax = Number.POSITIVE_INFINITY }: Timing,
): readonly number[] => {
  const window = Math.max(1, Math.ceil(meanSeconds / bucketSeconds))
  return movingMeans(rates, window).map((rate) => Math.min(rate * meanSeconds, loadMax))
}

/** The number that is exceeded by a share of 1 - quantile, where the mean is `load`. */
export const upperOf = (load: number, quantile: number): number =>
  load + probit(quantile) * Math.sqrt(load)

/**
 * The least value that at least this share of the calls come at, or below it.
 *
 * @param calls as many as come at each value.
 */
const quantileOfCalls = (
  values: readonly number[],
  calls: readonly number[],
  quantile: number,
): number => {
  const wanted = quantile * calls.reduce((sum, count) => sum + count, 0)
  if (wanted === 0) return 0
  const order = values.map((_, index) => index).filter((index) => (calls[index] ?? 0) > 0)
  order.sort((one, other) => (values[one] ?? 0) - (values[other] ?? 0))
  let seen = 0
  const at = order.find((index) => {
    seen += calls[index] ?? 0
    return seen >= wanted
  })
  return values[at ?? order.at(-1) ?? 0] ?? 0
}

/** Of each bucket and those just before it. */
const movingMeans = (values: readonly number[], window: number): readonly number[] => {
  if (window === 1) return values
  let sum = 0
  return values.map((value, index) => {
    sum += value - (index >= window ? (values[index - window] ?? 0) : 0)
    return Math.max(0, sum) / Math.min(window, values.length)
  })
}
