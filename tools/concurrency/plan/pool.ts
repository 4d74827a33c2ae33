import { REQUESTS_PER_CONCURRENCY, UNRESERVED_MIN } from '../limits.ts'
import { placesFor } from '../model/erlang.ts'
import {
  type Mix,
  mixOf,
  overflowOf,
  peakOf,
  refusedShare,
  refusedShares,
  type Stream,
  timesAsMany,
  worstShare,
} from '../model/mix.ts'
import { fewestFrom } from '../model/search.ts'
import { sumOf } from '../model/sum.ts'
import type { Need } from './need.ts'
import type { Targets } from './policy.ts'

/** Concurrency of one function; undefined where there is none. */
export type Setting = {
  readonly reserved: number | undefined
  readonly provisioned: number | undefined
}

/** By key; a function that is not named has neither. */
export type Settings = ReadonlyMap<string, Setting>

/** What functions without a reservation share. */
export type Pool = {
  /** What is set aside for single functions: reserved, or warm without a reservation. */
  readonly reserved: number
  readonly unreserved: number
  /** Erlangs at the peak of all of them together. */
  readonly load: number
  /** Share of their calls. */
  readonly throttled: number
  /** The same of the profile's worst moment. */
  readonly throttledMost: number
}

export const settingOf = (settings: Settings, key: string): Setting =>
  settings.get(key) ?? { reserved: undefined, provisioned: undefined }

/** Nobody else can have a reservation, nor what is kept warm without one. */
export const setAside = ({ reserved, provisioned }: Setting): number => reserved ?? provisioned ?? 0

export const setAsideIn = (settings: Settings): number =>
  [...settings.values()].reduce((sum, setting) => sum + setAside(setting), 0)

/** Functions without a reservation, and what they bring to what is shared. */
export type Sharing = { readonly keys: readonly string[]; readonly mix: Mix }

/** @param times the demand is so many times over. */
export const sharingOf = (needs: readonly Need[], settings: Settings, times = 1): Sharing => {
  // While a plan is made the same is asked again and again, with other reservations of the same functions.
  const known = knownOf.get(needs) ?? new Map<string, Sharing>()
  knownOf.set(needs, known)
  const parts = needs.map(({ of }) => {
    const { reserved, provisioned } = settingOf(settings, of.key)
    return reserved === undefined ? (provisioned ?? 0) : '-'
  })
  const key = `${times} ${parts.join(' ')}`
  const sharing = known.get(key) ?? newSharing(needs, settings, times)
  known.set(key, sharing)
  return sharing
}

const knownOf = new WeakMap<readonly Need[], Map<string, Sharing>>()

const newSharing = (needs: readonly Need[], settings: Settings, times: number): Sharing => {
  const sharing = needs.filter(({ of }) => settingOf(settings, of.key).reserved === undefined)
  const streams = sharing.map(({ of, stream }) => {
    const warm = settingOf(settings, of.key).provisioned ?? 0
    const demand = times === 1 ? stream : timesAsMany(stream, times)
    return warm === 0 ? demand : overflowOf(demand, warm)
  })
  return { keys: sharing.map(({ of }) => of.key), mix: mixOf(streams) }
}

/** The share of each one's calls that is throttled on so many shared places. */
export const throttledSharing = (
  { keys, mix }: Sharing,
  places: number,
): ReadonlyMap<string, number> => {
  const shares = refusedShares(mix, places)
  return new Map(keys.map((key, index) => [key, shares[index] ?? 0]))
}

/** What a function with places of its own refuses. */
export const throttledAlone = ({ of, stream, alone }: Need, places: number): number =>
  // A schedule calls at even distances, not at random: only what is too long for them meets itself.
  of.kind === 'job' ? evenlyRefused(stream, places) : refusedShare(alone, places)

const evenlyRefused = ({ rates, loads }: Stream, places: number): number => {
  const refused = rates.map((rate, bucket) => {
    const load = loads[bucket] ?? 0
    return load > places ? rate * (1 - places / load) : 0
  })
  const all = sumOf(rates)
  return all === 0 ? 0 : sumOf(refused) / all
}

/** The share of each function's calls that is throttled. */
export const throttledBy = (
  needs: readonly Need[],
  settings: Settings,
  account: number,
): ReadonlyMap<string, number> => {
  const shared = throttledSharing(sharingOf(needs, settings), leftOf(settings, account))
  return new Map(
    needs.map((need) => {
      const { reserved } = settingOf(settings, need.of.key)
      const throttled =
        reserved === undefined ? shared.get(need.of.key) : throttledAlone(need, reserved)
      return [need.of.key, throttled ?? 0]
    }),
  )
}

export const leftOf = (settings: Settings, account: number): number =>
  Math.max(0, account - setAsideIn(settings))

export const poolOf = (needs: readonly Need[], settings: Settings, targets: Targets): Pool => {
  const { mix } = sharingOf(needs, settings)
  const unreserved = leftOf(settings, targets.account)
  return {
    reserved: setAsideIn(settings),
    unreserved,
    load: peakOf(mix, targets.quantile).load,
    throttled: refusedShare(mix, unreserved),
    throttledMost: worstShare(mix, unreserved),
  }
}

/**
 * The fewest shared places with which the peak is refused no more than wanted, and nobody's calls more than allowed.
 *
 * @param allowed share by key.
 */
export const placesForSharing = (
  sharing: Sharing,
  {
    targets: { quantile, throttledMax },
    allowed,
  }: { targets: Targets; allowed: (key: string) => number },
): number => {
  const peak = peakOf(sharing.mix, quantile)
  const byPeak = Math.max(
    UNRESERVED_MIN,
    placesFor(peak.load, throttledMax),
    Math.ceil(peak.awaited / REQUESTS_PER_CONCURRENCY),
  )
  return fewestFrom(byPeak, (places) =>
    [...throttledSharing(sharing, places)].every(([key, share]) => share <= allowed(key)),
  )
}
