import { REQUESTS_PER_CONCURRENCY } from '../limits.ts'
import { erlangB } from './erlang.ts'
import { sumOf } from './sum.ts'

/** Calls of one function, bucket by bucket. */
export type Stream = {
  /** Calls a second, of which shares are told. */
  readonly calls: readonly number[]
  /** Those that come to the places which the streams share; fewer, if others take some of them. */
  readonly rates: readonly number[]
  /** Erlangs that come there. */
  readonly loads: readonly number[]
  /** Whether somebody waits for the answer: of such calls a place takes `REQUESTS_PER_CONCURRENCY` a second at most. */
  readonly isAwaited: boolean
  /** No more ever run at once. */
  readonly loadMax?: number | undefined
}

/** With so many times the calls. */
export const timesAsMany = (stream: Stream, factor: number): Stream => {
  const { calls, rates, loads, loadMax = Number.POSITIVE_INFINITY } = stream
  return {
    ...stream,
    calls: calls.map((rate) => rate * factor),
    rates: rates.map((rate) => rate * factor),
    loads: loads.map((load) => Math.min(load * factor, loadMax)),
  }
}

/** Streams that share places, as moments that are alike: a profile has many seconds and few different ones. */
export type Mix = {
  /** Of each stream. */
  readonly isAwaited: readonly boolean[]
  /** By load. */
  readonly moments: readonly Moment[]
}

type Moment = {
  /** Erlangs of all streams together. */
  readonly load: number
  /** Awaited calls a second of all streams together. */
  readonly awaited: number
  /** Calls of each stream, as the sum over its buckets. */
  readonly calls: readonly number[]
  /** Those of them that come to the places. */
  readonly rates: readonly number[]
}

/** Moments are alike whose loads are within a percent, and their awaited calls within three. */
const [LOAD_STEPS_PER_E, AWAITED_STEPS_PER_E] = [100, 33]
/** More steps than there are for awaited calls. */
const STEPS_MAX = 4_096

/** A day has 86,400 buckets and the hub fifty functions, so this goes through each of them as few times as it can. */
export const mixOf = (streams: readonly Stream[]): Mix => {
  const buckets = streams.reduce((most, { calls }) => Math.max(most, calls.length), 0)
  const [load, awaited, weight] = [sums(buckets), sums(buckets), sums(buckets)]
  for (const { calls, rates, loads, isAwaited } of streams) {
    addTo(load, loads)
    addTo(weight, calls)
    if (isAwaited) addTo(awaited, rates)
  }
  const groupOf = new Map<number, number>()
  const groups = load.map((one, bucket) => {
    const awaitedStep = step(awaited[bucket] ?? 0, AWAITED_STEPS_PER_E)
    const key = step(one, LOAD_STEPS_PER_E) * STEPS_MAX + awaitedStep
    const group = groupOf.get(key) ?? groupOf.size
    groupOf.set(key, group)
    return group
  })
  const byGroup = (values: ArrayLike<number>, factors?: ArrayLike<number>) => {
    const all: number[] = Array(groupOf.size).fill(0)
    for (let bucket = 0; bucket < values.length; bucket += 1) {
      const group = groups[bucket] ?? 0
      all[group] =
        (all[group] ?? 0) + (values[bucket] ?? 0) * (factors ? (factors[bucket] ?? 0) : 1)
    }
    return all
  }
  const [loads, awaiteds, weights] = [
    byGroup(load, weight),
    byGroup(awaited, weight),
    byGroup(weight),
  ]
  const each = streams.map(({ calls, rates }) => ({ calls: byGroup(calls), rates: byGroup(rates) }))
  const moments = weights.flatMap((all, group): Moment[] => {
    if (all === 0) return []
    const mean = (values: readonly number[]) => (values[group] ?? 0) / all
    const calls = each.map((one) => one.calls[group] ?? 0)
    const rates = each.map((one) => one.rates[group] ?? 0)
    return [{ load: mean(loads), awaited: mean(awaiteds), calls, rates }]
  })
  return {
    isAwaited: streams.map(({ isAwaited }) => isAwaited),
    moments: moments.toSorted((one, other) => one.load - other.load),
  }
}

const sums = (buckets: number) => new Float64Array(buckets)

const addTo = (sum: Float64Array, values: readonly number[]): void => {
  for (let bucket = 0; bucket < values.length; bucket += 1)
    sum[bucket] = (sum[bucket] ?? 0) + (values[bucket] ?? 0)
}

const step = (value: number, perE: number): number =>
  value === 0 ? -STEPS_MAX / 2 : Math.round(Math.log(value) * perE)

/**
 * The share of each stream's calls that finds no place, over the whole profile: each moment's calls are refused by that
 * moment's load (Erlang's formula), and of awaited calls by what the places take in a second. Of a stream without calls it
 * is nothing.
 */
export const refusedShares = (mix: Mix, places: number): readonly number[] => {
  const { refused, all } = countsOf(mix, places)
  return refused.map((count, index) => shareOf(count, all[index] ?? 0))
}

/** The same of all streams together. */
export const refusedShare = (mix: Mix, places: number): number => {
  const { refused, all } = countsOf(mix, places)
  return shareOf(sumOf(refused), sumOf(all))
}

/** The share of all streams' calls that is refused in the moment in which it is the highest. */
export const worstShare = ({ isAwaited, moments }: Mix, places: number): number =>
  moments.reduce(
    (worst, moment) => Math.max(worst, refusedShare({ isAwaited, moments: [moment] }, places)),
    0,
  )

const countsOf = ({ isAwaited, moments }: Mix, places: number) => {
  const [refused, all] = [isAwaited.map(() => 0), isAwaited.map(() => 0)]
  for (const { load, awaited, calls, rates } of moments) {
    const byPlaces = erlangB(load, places)
    const byRate = Math.max(byPlaces, beyondRate(awaited, places))
    isAwaited.forEach((waits, index) => {
      all[index] = (all[index] ?? 0) + (calls[index] ?? 0)
      refused[index] = (refused[index] ?? 0) + (rates[index] ?? 0) * (waits ? byRate : byPlaces)
    })
  }
  return { refused, all }
}

const beyondRate = (awaited: number, places: number): number => {
  const taken = places * REQUESTS_PER_CONCURRENCY
  return awaited > taken ? 1 - taken / awaited : 0
}

const shareOf = (count: number, all: number): number => (all === 0 ? 0 : count / all)

/** What so many places of the stream's own do not take, and others must. */
export const overflowOf = (stream: Stream, places: number): Stream => {
  const shares = stream.loads.map((load, bucket) => {
    const byRate = stream.isAwaited ? beyondRate(stream.rates[bucket] ?? 0, places) : 0
    return Math.max(erlangB(load, places), byRate)
  })
  const over = (values: readonly number[]) =>
    values.map((value, bucket) => value * (shares[bucket] ?? 0))
  return { ...stream, rates: over(stream.rates), loads: over(stream.loads) }
}

/**
 * What all but 1 - quantile of each stream's calls meet, or less: a burst of one of them is not made rarer by what the others
 * do all day.
 */
export const peakOf = (
  { isAwaited: streams, moments }: Mix,
  quantile: number,
): { readonly load: number; readonly awaited: number } => ({
  load: highest(streams, moments, { quantile, of: ({ load }) => load }),
  awaited: highest(
    streams,
    moments.toSorted((one, other) => one.awaited - other.awaited),
    { quantile, of: ({ awaited }) => awaited },
  ),
})

const highest = (
  streams: readonly unknown[],
  sorted: readonly Moment[],
  { quantile, of }: { readonly quantile: number; readonly of: (moment: Moment) => number },
): number =>
  streams.reduce<number>((most, _, index) => {
    const calls = (moment: Moment) => moment.calls[index] ?? 0
    const wanted = quantile * sorted.reduce((sum, moment) => sum + calls(moment), 0)
    if (wanted === 0) return most
    let seen = 0
    const at = sorted.find((moment) => {
      seen += calls(moment)
      return seen >= wanted
    })
    return Math.max(most, at ? of(at) : 0)
  }, 0)
