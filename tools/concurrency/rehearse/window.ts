import { bucketsOf, type Traffic } from '../traffic/traffic.ts'

/** A part of a profile that one machine can play. */
export type Window = {
  /** Seconds from the profile's beginning. */
  readonly fromSecond: number
  readonly seconds: number
  /** How many times fewer calls are sent than the profile has: 0.01 is one in a hundred. */
  readonly scale: number
}

/**
 * The busiest `seconds` of a profile, scaled down so that its peak has at most `ratePerSecond` calls; it is never scaled up.
 *
 * @param traffic of the doors alone.
 */
export const busiestWindow = (
  traffic: Traffic,
  { seconds, ratePerSecond }: { seconds: number; ratePerSecond: number },
): Window => {
  const { bucketSeconds } = traffic
  const totals = totalRates(traffic)
  const size = Math.max(1, Math.ceil(seconds / bucketSeconds))
  let [sum, best, at] = [0, Number.NEGATIVE_INFINITY, 0]
  totals.forEach((rate, bucket) => {
    sum += rate - (bucket >= size ? (totals[bucket - size] ?? 0) : 0)
    const from = Math.max(0, bucket - size + 1)
    if (sum <= best) return
    best = sum
    at = from
  })
  const peak = Math.max(...totals.slice(at, at + size))
  return {
    fromSecond: at * bucketSeconds,
    seconds: Math.min(seconds, totals.length * bucketSeconds),
    scale: peak > 0 ? Math.min(1, ratePerSecond / peak) : 1,
  }
}

export const totalRates = (traffic: Traffic): readonly number[] =>
  Array.from({ length: bucketsOf(traffic) }, (_, bucket) =>
    [...traffic.rates.values()].reduce((sum, rates) => sum + (rates[bucket] ?? 0), 0),
  )

/** The profile within a window, at its scale, in buckets of a second. */
export const cutTo = (traffic: Traffic, { fromSecond, seconds, scale }: Window): Traffic => ({
  ...traffic,
  bucketSeconds: 1,
  rates: new Map(
    [...traffic.rates].map(([key, rates]) => [
      key,
      Array.from({ length: seconds }, (_, second) => {
        const bucket = Math.floor((fromSecond + second) / traffic.bucketSeconds)
        return (rates[bucket] ?? 0) * scale
      }),
    ]),
  ),
})
