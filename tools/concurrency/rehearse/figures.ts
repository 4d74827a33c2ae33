import type { ConcurrencyFigures } from '../../../local/hub/concurrency.ts'
import { mixOf, refusedShare } from '../model/mix.ts'
import { fewestFrom } from '../model/search.ts'
import type { Need } from '../plan/need.ts'
import {
  leftOf,
  type Settings,
  settingOf,
  sharingOf,
  throttledAlone,
  throttledBy,
} from '../plan/pool.ts'

/** Environments that one machine holds beside those that are reserved; a thread with its modules takes about 30 MB. */
const UNRESERVED_MAX = 48
/** Less than this is no share that a rehearsal of some thousand calls could show. */
const SHARE_MIN = 1e-4

export type Sides<Value> = { readonly now: Value; readonly proposed: Value }

type Scaled = {
  /** Of the part of the profile that is played, at its own size. */
  readonly full: readonly Need[]
  /** The same at the size that is played. */
  readonly small: readonly Need[]
  readonly account: number
  /** How many times fewer calls are played. */
  readonly scale: number
}

/**
 * Both settings at the size that is played. A small stream needs more places for each of its calls, so places are not just
 * divided: each reservation, and what is shared, becomes the fewest places that refuse no greater share of the small traffic
 * than they do of the large. Both sides have the same places in all, as they have in the account: what one of them does not
 * reserve, its others share.
 */
export const smallFigures = (
  settings: Sides<Settings>,
  scaled: Scaled,
): Sides<ConcurrencyFigures> => {
  const [now, proposed] = [settings.now, settings.proposed].map((one) => smallSide(one, scaled))
  const places = Math.max(now?.places ?? 0, proposed?.places ?? 0)
  const figuresOf = (side: Side | undefined): ConcurrencyFigures => ({
    unreserved: places - (side?.reserved ?? 0),
    functions: side?.functions ?? {},
  })
  return { now: figuresOf(now), proposed: figuresOf(proposed) }
}

type Side = {
  readonly functions: ConcurrencyFigures['functions']
  readonly reserved: number
  /** Reserved and shared. */
  readonly places: number
}

const smallSide = (settings: Settings, { full, small, account, scale }: Scaled): Side => {
  const reserved = new Map(
    full.flatMap((need, index) => {
      const places = settingOf(settings, need.of.key).reserved
      const other = small[index]
      return places === undefined || !other
        ? []
        : [[need.of.key, smallReserve(places, need, other)] as const]
    }),
  )
  const refused = refusedShare(sharingOf(full, settings).mix, leftOf(settings, account))
  // The hub counts what is warm without a reservation among what is shared.
  const { mix } = sharingOf(small, reservedOnly(reserved))
  const shared = fewestFrom(1, (places) => refusedShare(mix, places) <= atLeast(refused))
  const sum = [...reserved.values()].reduce((all, places) => all + places, 0)
  return {
    functions: Object.fromEntries(
      full.flatMap(({ of }) => {
        const [most, { provisioned }] = [reserved.get(of.key), settingOf(settings, of.key)]
        const warm = smallWarm(provisioned, scale, most ?? UNRESERVED_MAX)
        if (most === undefined && warm === undefined) return []
        const reserve = most !== undefined && { reserved: most }
        return [[of.key, { ...reserve, ...(warm !== undefined && { provisioned: warm }) }]]
      }),
    ),
    reserved: sum,
    places: sum + Math.min(UNRESERVED_MAX, shared),
  }
}

const smallReserve = (places: number, full: Need, small: Need): number => {
  if (places === 0) return 0
  const refused = throttledAlone(full, places)
  const few = fewestFrom(1, (count) => throttledAlone(small, count) <= atLeast(refused))
  return Math.min(places, few)
}

const atLeast = (share: number): number => Math.max(SHARE_MIN, share)

const smallWarm = (
  provisioned: number | undefined,
  scale: number,
  most: number,
): number | undefined =>
  provisioned === undefined ? undefined : Math.min(most, Math.ceil(provisioned * scale))

/**
 * The share of each function's calls that the model says such a hub throttles.
 *
 * @param needs of the traffic that is played.
 */
export const predictedBy = (
  needs: readonly Need[],
  { unreserved, functions }: ConcurrencyFigures,
): ReadonlyMap<string, number> => {
  const reserved = new Map(
    Object.entries(functions).flatMap(([key, one]) =>
      one.reserved === undefined ? [] : [[key, one.reserved] as const],
    ),
  )
  const sum = [...reserved.values()].reduce((all, places) => all + places, 0)
  return throttledBy(needs, reservedOnly(reserved), unreserved + sum)
}

const reservedOnly = (reserved: ReadonlyMap<string, number>): Settings =>
  new Map([...reserved].map(([key, places]) => [key, { reserved: places, provisioned: undefined }]))

/** A hub on one machine counts places, and not calls a second for each. */
export const onOneMachine = (need: Need): Need => {
  const stream = { ...need.stream, isAwaited: false }
  return { ...need, stream, alone: mixOf([stream]) }
}
