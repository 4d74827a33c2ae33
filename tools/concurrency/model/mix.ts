import { REQUESTS_PER_CONCURRENCY } from '../limits.ts'
import { erlangB } from './erlang.ts'

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
  readonly streams: readonly Stream[]
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

/** Moments count as alike within half a percent. */
const STEPS_PER_E = 200

export const mixOf = (streams: readonly Stream[]): Mix => {
  const buckets = streams.reduce((most, { calls }) => Math.max(most, calls.length), 0)
  const groups = new Map<string, Group>()
  for (let bucket = 0; bucket < buckets; bucket += 1) {
    let [load, awaited, weight] = [0, 0, 0]
    for (const { calls, rates, loads, isAwaited } of streams) {
      load += loads[bucket] ?? 0
      weight += calls[bucket] ?? 0
      if (isAwaited) awaited += rates[bucket] ?? 0
    }
    if (weight === 0) continue
    const key = `${step(load)} ${step(awaited)}`
    const group = groups.get(key) ?? groupOf(streams.length)
    groups.set(key, group)
    group.load += load * weight
    group.awaited += awaited * weight
    group.weight += weight
    streams.forEach(({ calls, rates }, index) => {
      group.calls[index] = (group.calls[index] ?? 0) + (calls[bucket] ?? 0)
      group.rates[index] = (group.rates[index] ?? 0) + (rates[bucket] ?? 0)
    })
  }
  const moments = [...groups.values()].map(({ load, awaited, weight, calls, rates }) => ({
    ...{ load: load / weight, awaited: awaited / weight, calls, rates },
  }))
  return { streams, moments: moments.toSorted((one, other) => one.load - other.load) }
}

type Group = { load: number; awaited: number; weight: number; calls: number[]; rates: number[] }

const groupOf = (streams: number): Group => ({
  ...{ load: 0, awaited: 0, weight: 0 },
  ...{ calls: Array(streams).fill(0), rates: Array(streams).fill(0) },
})

const step = (value: number): number => Math.round(Math.log(value) * STEPS_PER_E)

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
export const worstShare = ({ streams, moments }: Mix, places: number): number =>
  moments.reduce(
    (worst, moment) => Math.max(worst, refusedShare({ streams, moments: [moment] }, places)),
    0,
  )

const countsOf = ({ streams, moments }: Mix, places: number) => {
  const [refused, all] = [streams.map(() => 0), streams.map(() => 0)]
  for (const { load, awaited, calls, rates } of moments) {
    const byPlaces = erlangB(load, places)
    const byRate = Math.max(byPlaces, beyondRate(awaited, places))
    streams.forEach(({ isAwaited }, index) => {
      all[index] = (all[index] ?? 0) + (calls[index] ?? 0)
      refused[index] = (refused[index] ?? 0) + (rates[index] ?? 0) * (isAwaited ? byRate : byPlaces)
    })
  }
  return { refused, all }
}

const beyondRate = (awaited: number, places: number): number => {
  const taken = places * REQUESTS_PER_CONCURRENCY
  return awaited > taken ? 1 - taken / awaited : 0
}

const shareOf = (count: number, all: number): number => (all === 0 ? 0 : count / all)

const sumOf = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0)

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
  { streams, moments }: Mix,
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
  streams: readonly Stream[],
  sorted: readonly Moment[],
  { quantile, of }: { readonly quantile: number; readonly of: (moment: Moment) => number },
): number =>
  streams.reduce((most, _, index) => {
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
