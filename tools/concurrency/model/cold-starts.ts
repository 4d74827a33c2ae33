import { SCALING_SECONDS, WARM_SECONDS } from '../limits.ts'
import { upperOf } from './demand.ts'
import { erlangB } from './erlang.ts'
import { createRecentMax } from './recent-max.ts'

export type ColdStarts = {
  /** Of all invocations of the profile. */
  readonly share: number
  /** Of the worst minute of the profile's clock that had `INVOCATIONS_MIN` or more. */
  readonly worstMinuteShare: number
  /** The most environments that are new within ten seconds. */
  readonly growthMax: number
}

/** A share of a handful of calls says nothing of a quantile. */
const INVOCATIONS_MIN = 100
const MINUTE_SECONDS = 60

/**
 * Which invocations meet no warm environment, bucket by bucket.
 *
 * In a bucket as many environments are needed as run at once in a bad moment (`upperOf`). While new ones import, each
 * arrival that finds all warm ones busy (Erlang's formula) opens one more. Environments of the last
 * `WARM_SECONDS` and provisioned ones are warm. Where calls are rare, one is cold with the probability that none came for
 * that long (Poisson).
 *
 * @param rates arrivals per second in each bucket.
 */
export const coldStartsOf = (
  rates: readonly number[],
  {
    bucketSeconds,
    meanSeconds,
    initSeconds,
    provisioned,
    quantile,
  }: {
    bucketSeconds: number
    meanSeconds: number
    initSeconds: number
    provisioned: number
    quantile: number
  },
): ColdStarts => {
  const remembered = Math.max(1, Math.ceil(WARM_SECONDS / bucketSeconds))
  const environments = createRecentMax(remembered)
  const arrivals = rates.map((rate) => rate * bucketSeconds)
  const cold = rates.map((rate, bucket) => {
    const settled = needed(rate * meanSeconds, quantile)
    // What ran before the profile begins is what runs in its first bucket.
    const warm = Math.max(provisioned, bucket === 0 ? settled : environments.read())
    environments.push(settled)
    const meanwhile = () => rate * initSeconds * erlangB(rate * meanSeconds, warm)
    const ofGrowth = settled > warm ? settled - warm + meanwhile() : 0
    const ofRareness =
      provisioned > 0 ? 0 : (arrivals[bucket] ?? 0) * Math.exp(-rate * WARM_SECONDS)
    return Math.min(arrivals[bucket] ?? 0, Math.max(ofGrowth, ofRareness))
  })
  const total = sumOf(arrivals)
  return {
    share: total === 0 ? 0 : sumOf(cold) / total,
    worstMinuteShare: worstShare(cold, arrivals, Math.ceil(MINUTE_SECONDS / bucketSeconds)),
    growthMax: windows(cold, Math.ceil(SCALING_SECONDS / bucketSeconds)).reduce(
      (most, count) => Math.max(most, count),
      0,
    ),
  }
}

const needed = (load: number, quantile: number): number =>
  load === 0 ? 0 : Math.ceil(upperOf(load, quantile))

const worstShare = (
  cold: readonly number[],
  arrivals: readonly number[],
  buckets: number,
): number => {
  const arrived = blocks(arrivals, buckets)
  return blocks(cold, buckets).reduce((worst, count, index) => {
    const among = arrived[index] ?? 0
    return among < INVOCATIONS_MIN ? worst : Math.max(worst, count / among)
  }, 0)
}

/** Sums of so many buckets each, one block after the other: minutes, as CloudWatch draws them. */
const blocks = (values: readonly number[], buckets: number): readonly number[] =>
  Array.from({ length: Math.ceil(values.length / buckets) }, (_, block) =>
    sumOf(values.slice(block * buckets, (block + 1) * buckets)),
  )

/** Sums of each bucket and those just before it. */
const windows = (values: readonly number[], window: number): readonly number[] => {
  let sum = 0
  return values.map((value, index) => {
    sum += value - (index >= window ? (values[index - window] ?? 0) : 0)
    return sum
  })
}

const sumOf = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0)
