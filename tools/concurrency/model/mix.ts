import { REQUESTS_PER_CONCURRENCY } from '../limits.ts'
import { quantileOfCalls } from './demand.ts'
import { erlangB } from './erlang.ts'

/** Calls of one function, bucket by bucket. */
export type Stream = {
  /** Calls a second. */
  readonly rates: readonly number[]
  /** Erlangs. */
  readonly loads: readonly number[]
  /** Whether somebody waits for the answer: of such calls a place takes `REQUESTS_PER_CONCURRENCY` a second at most. */
  readonly isAwaited: boolean
}

/** Streams that share places, as moments that are alike: a profile has many seconds and few different ones. */
export type Mix = {
  readonly streams: readonly Stream[]
  readonly moments: readonly Moment[]
}

type Moment = {
  /** Erlangs of all streams together. */
  readonly load: number
  /** Awaited calls a second of all streams together. */
  readonly awaited: number
  /** Calls of each stream, as the sum of its rates. */
  readonly calls: readonly number[]
  /** Of all streams. */
  readonly sum: number
}

/** Moments count as alike within half a percent. */
const STEPS_PER_E = 200

export const mixOf = (streams: readonly Stream[]): Mix => {
  const buckets = streams.reduce((most, { rates }) => Math.max(most, rates.length), 0)
  const groups = new Map<string, { load: number; awaited: number; calls: number[]; sum: number }>()
  for (let bucket = 0; bucket < buckets; bucket += 1) {
    let [load, awaited, sum] = [0, 0, 0]
    for (const { rates, loads, isAwaited } of streams) {
      const rate = rates[bucket] ?? 0
      load += loads[bucket] ?? 0
      sum += rate
      if (isAwaited) awaited += rate
    }
    if (sum === 0) continue
    const key = `${step(load)} ${step(awaited)}`
    const group = groups.get(key) ?? { load: 0, awaited: 0, calls: streams.map(() => 0), sum: 0 }
    groups.set(key, group)
    group.load += load * sum
    group.awaited += awaited * sum
    group.sum += sum
    streams.forEach(({ rates }, index) => {
      group.calls[index] = (group.calls[index] ?? 0) + (rates[bucket] ?? 0)
    })
  }
  return {
    streams,
    moments: [...groups.values()].map(({ load, awaited, calls, sum }) => ({
      ...{ load: load / sum, awaited: awaited / sum, calls, sum },
    })),
  }
}

const step = (value: number): number => Math.round(Math.log(value) * STEPS_PER_E)

/** The same streams with so many times the calls. */
export const timesAsMany = ({ streams, moments }: Mix, factor: number): Mix => ({
  streams,
  moments: moments.map((one) => ({
    ...one,
    load: one.load * factor,
    awaited: one.awaited * factor,
  })),
})

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
  for (const { load, awaited, calls } of moments) {
    const byPlaces = erlangB(load, places)
    const byRate = Math.max(byPlaces, beyondRate(awaited, places))
    streams.forEach(({ isAwaited }, index) => {
      const count = calls[index] ?? 0
      all[index] = (all[index] ?? 0) + count
      refused[index] = (refused[index] ?? 0) + count * (isAwaited ? byRate : byPlaces)
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
export const overflowOf = ({ rates, loads, isAwaited }: Stream, places: number): Stream => {
  const shares = loads.map((load, bucket) =>
    Math.max(erlangB(load, places), isAwaited ? beyondRate(rates[bucket] ?? 0, places) : 0),
  )
  const over = (values: readonly number[]) =>
    values.map((value, bucket) => value * (shares[bucket] ?? 0))
  return { rates: over(rates), loads: over(loads), isAwaited }
}

/** What all but 1 - quantile of the calls meet, or less. */
export const peakOf = (
  { moments }: Mix,
  quantile: number,
): { readonly load: number; readonly awaited: number } => {
  const calls = moments.map(({ sum }) => sum)
  const at = (of: (moment: Moment) => number) => quantileOfCalls(moments.map(of), calls, quantile)
  return { load: at(({ load }) => load), awaited: at(({ awaited }) => awaited) }
}
