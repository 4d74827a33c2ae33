import { SCALING_SECONDS, WARM_SECONDS } from '../limits.ts'
import { upperOf } from './demand.ts'
import { erlangB } from './erlang.ts'
import { createRecentMax } from './recent-max.ts'
import { bisect } from './search.ts'
import { sumOf } from './sum.ts'

export type ColdStarts = {
  /** Of all invocations of the profile. */
  readonly share: number
  /** Of the worst minute of the profile's clock that had `INVOCATIONS_MIN` or more. */
  readonly worstMinuteShare: number
  /** The most environments that are new within ten seconds. */
  readonly growthMax: number
}

export type ColdSettings = {
  readonly bucketSeconds: number
  readonly meanSeconds: number
  readonly initSeconds: number
  readonly quantile: number
}

/** A share of a handful of calls says nothing of a quantile. */
const INVOCATIONS_MIN = 100
const MINUTE_SECONDS = 60

/**
 * Which invocations meet no warm environment, bucket by bucket.
 *
 * In a bucket as many environments are needed as run at once in a bad moment (`upperOf`). While new ones import, each
 * arrival that finds all warm ones busy (Erlang's formula) opens one more. Environments of the last
 * `WARM_SECONDS` and provisioned ones are warm. What one burst opens is there for the next, so that a few more that are
 * kept warm can make a later burst colder: the first one opens less. Where calls are rare, one is cold with the probability that none came for
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
  }: ColdSettings & { readonly provisioned: number },
): ColdStarts => {
  const remembered = Math.max(1, Math.ceil(WARM_SECONDS / bucketSeconds))
  const environments = createRecentMax(remembered)
  const arrivals = rates.map((rate) => rate * bucketSeconds)
  const cold = rates.map((rate, bucket) => {
    const settled = needed(rate * meanSeconds, quantile)
    // What ran before the profile begins is what runs in its first bucket.
    const warm = Math.max(provisioned, bucket === 0 ? settled : environments.read())
    const ofGrowth =
      settled > warm ? settled - warm + rate * initSeconds * refusedBy(warm, rate * meanSeconds) : 0
    // All that were opened are warm from now on, those too that only the wait for others has opened.
    const opened = Math.min(arrivals[bucket] ?? 0, ofGrowth)
    environments.push(Math.max(settled, settled > warm ? warm + opened : 0))
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

/** With so many kept warm no call is cold: as many as ever run at once in a bad moment. */
export const warmEnough = (
  rates: readonly number[],
  { meanSeconds, quantile }: Pick<ColdSettings, 'meanSeconds' | 'quantile'>,
): number => rates.reduce((most, rate) => Math.max(most, needed(rate * meanSeconds, quantile)), 0)

/**
 * The fewest that must be kept warm so that no busy minute has more than a share of cold calls, and one fewer is too few.
 * There always is such a number, for the search ends at {@link warmEnough}; whether the account has room for it is asked
 * elsewhere.
 */
export const fewestWarm = (
  rates: readonly number[],
  settings: ColdSettings,
  coldMax: number,
): number => {
  const suffices = (provisioned: number) =>
    coldStartsOf(rates, { ...settings, provisioned }).worstMinuteShare <= coldMax
  if (suffices(0)) return 0
  return bisect(0, warmEnough(rates, settings), suffices)
}

/** Beyond so many places Erlang's formula is within a hundredth of what a fluid would do, and takes long to reckon. */
const PLACES_MAX = 10_000

/** Share of the arrivals that find so many environments busy. */
const refusedBy = (warm: number, load: number): number =>
  warm > PLACES_MAX ? Math.max(0, 1 - warm / load) : erlangB(load, Math.floor(warm))

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
