import { mixOf, timesAsMany } from '../model/mix.ts'
import { mostUpTo } from '../model/search.ts'
import type { StackFunction } from '../stack.ts'
import { isEssential, type Need } from './need.ts'
import { ESSENTIAL, type Targets } from './policy.ts'
import {
  leftOf,
  placesForSharing,
  type Setting,
  type Settings,
  setAside,
  setAsideIn,
  settingOf,
  sharingOf,
  throttledAlone,
  throttledBy,
  throttledSharing,
} from './pool.ts'

/** One change of one function's setting; the same settings where there is nothing to change, or no room. */
type Step = (settings: Settings, need: Need) => Settings

/**
 * What is proposed, from what there is, in steps of which each is for one function. A reservation is also a cap, so there is
 * one only where it helps:
 *
 * - one that is there and too small grows: of essential doors, and where work would not be done. Others were made for a reason
 *   (a worker that must not run twice, a hint that may be dropped) and stay;
 * - essential doors are kept warm;
 * - essential doors get one where what is shared is not enough for `headroom` times the demand, if they do better with it.
 *
 * Each step takes only what leaves to those who share what they need, in part if there is not enough, and never makes anybody
 * refuse more than now, or than wanted. Nothing becomes less, unless it may.
 */
export const settingsFor = (needs: readonly Need[], targets: Targets): Settings => {
  const present = presentSettings(needs)
  const now = throttledBy(needs, present, targets.account)
  const context = { needs, targets, allowed: allowedBy(now, targets) }
  const essential = needs
    .filter(isEssential)
    .toSorted((one, other) => ESSENTIAL.indexOf(one.of.key) - ESSENTIAL.indexOf(other.of.key))
  const growing = [...needs.filter(({ of }) => isBoundToWork(of)), ...essential]
  const raised = untilStill(present, (settings) => {
    const grown = growing.reduce(grow(context), settings)
    // What is warm is no longer shared, so whether the rest is enough is known only then.
    const warm = essential.reduce(warmUp(context), grown)
    return essential.reduce(reserve(context), warm)
  })
  // The last things first.
  return targets.mayLower ? essential.toReversed().reduce(lower(context), raised) : raised
}

/** What there is; a reservation is no less than what it keeps warm. */
export const presentSettings = (needs: readonly Need[]): Settings =>
  new Map(
    needs.map(({ of: { key, reserved, provisioned } }) => [
      key,
      {
        reserved: reserved === undefined ? undefined : Math.max(reserved, provisioned ?? 0),
        provisioned,
      },
    ]),
  )

/**
 * The account with which there is room for all that the settings want, and for all that share the rest: both as the settings
 * are proposed and as they are now, since an account of that size needs no new reservation.
 */
export const accountFor = (
  needs: readonly Need[],
  proposed: Settings,
  targets: Targets,
): number => {
  const wanted = (settings: Settings) => {
    const full = new Map(needs.map((need) => [need.of.key, inFull(need, settings)]))
    return setAsideIn(full) + placesWanted(needs, full, targets)
  }
  return targets.mayLower
    ? wanted(proposed)
    : Math.max(wanted(proposed), wanted(presentSettings(needs)))
}

const inFull = (need: Need, settings: Settings): Setting => {
  const { reserved, provisioned } = settingOf(settings, need.of.key)
  const mayGrow = isEssential(need) || isBoundToWork(need.of)
  const warm = Math.max(provisioned ?? 0, isEssential(need) ? need.warm : 0)
  return {
    reserved:
      reserved === undefined ? undefined : mayGrow ? Math.max(reserved, need.needed) : reserved,
    provisioned: warm === 0 ? provisioned : warm,
  }
}

type StepContext = {
  readonly needs: readonly Need[]
  readonly targets: Targets
  /** Share of a function's calls that may be throttled. */
  readonly allowed: (key: string) => number
}

/** As much as now, or as is wanted: nothing that is proposed is worse than both. */
const allowedBy =
  (now: ReadonlyMap<string, number>, { throttledMax }: Targets) =>
  (key: string): number =>
    Math.max(now.get(key) ?? 0, throttledMax)

/** Others have their number for another reason: a door beside the essential ones, a job that runs alone, hints that may be dropped. */
const isBoundToWork = ({ kind, takesHints }: StackFunction): boolean =>
  kind !== 'door' && kind !== 'job' && !takesHints

const grow =
  (context: StepContext): Step =>
  (settings, need) => {
    const setting = settingOf(settings, need.of.key)
    if (setting.reserved === undefined || setting.reserved >= need.needed) return settings
    const reserved = Math.min(need.needed, setting.reserved + roomIn(settings, context))
    return reserved > setting.reserved
      ? changed(settings, need, { ...setting, reserved })
      : settings
  }

const reserve =
  (context: StepContext): Step =>
  (settings, need) => {
    const { needs, targets, allowed } = context
    const setting = settingOf(settings, need.of.key)
    const left = leftOf(settings, targets.account)
    if (setting.reserved !== undefined || left >= placesWanted(needs, settings, targets))
      return settings
    const without = changed(settings, need, { ...setting, reserved: setAside(setting) })
    const reserved = Math.min(need.needed, setAside(setting) + roomIn(without, context))
    const shared = stressedSharing(need, settings, context)
    const isBetter =
      shared > targets.throttledMax &&
      reserved > 0 &&
      reserved >= setAside(setting) &&
      throttledAlone(need, reserved) <= allowed(need.of.key) &&
      stressedAlone(need, reserved, targets) < shared
    return isBetter ? changed(settings, need, { ...setting, reserved }) : settings
  }

const warmUp =
  (context: StepContext): Step =>
  (settings, need) => {
    const setting = settingOf(settings, need.of.key)
    const [present, { reserved }] = [setting.provisioned ?? 0, setting]
    const wanted = Math.min(need.warm, reserved ?? need.warm)
    const withWarm = (provisioned: number) => changed(settings, need, { ...setting, provisioned })
    const provisioned =
      reserved === undefined
        ? mostUpTo(present, wanted, (count) => roomIn(withWarm(count), context) >= 0)
        : wanted
    return provisioned > present ? withWarm(provisioned) : settings
  }

const lower =
  (context: StepContext): Step =>
  (settings, need) => {
    const { needs, targets } = context
    const setting = settingOf(settings, need.of.key)
    const warm = Math.min(setting.provisioned ?? 0, need.warm)
    const provisioned = warm === 0 ? undefined : warm
    const shared = changed(settings, need, { reserved: undefined, provisioned })
    if (leftOf(shared, targets.account) >= placesWanted(needs, shared, targets)) return shared
    if (setting.reserved === undefined) return settings
    const reserved = Math.min(setting.reserved, need.needed)
    return changed(settings, need, { reserved, provisioned })
  }

const changed = (settings: Settings, { of }: Need, setting: Setting): Settings =>
  new Map([...settings, [of.key, setting]])

/** Places that may be taken from those who share: what they have beyond their own need. May be negative. */
const roomIn = (settings: Settings, { needs, targets, allowed }: StepContext): number =>
  targets.account -
  setAsideIn(settings) -
  placesForSharing(sharingOf(needs, settings), { targets, allowed })

/** What is shared should be as many for the planned demand. */
const placesWanted = (needs: readonly Need[], settings: Settings, targets: Targets): number =>
  placesForSharing(sharingOf(needs, settings, targets.headroom), {
    ...{ targets, allowed: () => targets.throttledMax },
  })

const stressedAlone = (need: Need, reserved: number, { headroom }: Targets): number =>
  throttledAlone({ ...need, alone: mixOf([timesAsMany(need.stream, headroom)]) }, reserved)

const stressedSharing = (
  { of }: Need,
  settings: Settings,
  { needs, targets }: StepContext,
): number => {
  const stressed = sharingOf(needs, settings, targets.headroom)
  return throttledSharing(stressed, leftOf(settings, targets.account)).get(of.key) ?? 0
}

/** What one step takes may make room for, or want, another before it; figures only grow, so it ends. */
const untilStill = (settings: Settings, step: (settings: Settings) => Settings): Settings => {
  const next = step(settings)
  return next === settings ? settings : untilStill(next, step)
}
