import type { FunctionFigures } from '../../measure/function-figures.ts'
import { REQUESTS_PER_CONCURRENCY, UNRESERVED_MIN } from '../limits.ts'
import { type ColdStarts, coldStartsOf } from '../model/cold-starts.ts'
import { type Demand, demandOf } from '../model/demand.ts'
import { erlangB, placesFor } from '../model/erlang.ts'
import type { WarmPrice } from '../prices.ts'
import type { Stack, StackFunction } from '../stack.ts'
import type { Traffic } from '../traffic/traffic.ts'
import { ESSENTIAL, type Targets, UTILISATION_MAX } from './policy.ts'

/** Concurrency of one function; undefined where there is none. */
export type Setting = {
  readonly reserved: number | undefined
  readonly provisioned: number | undefined
}

export type FunctionPlan = {
  readonly of: StackFunction
  /** Whether durations were measured or given; else it is planned as if it did nothing. */
  readonly isMeasured: boolean
  readonly meanMs: number
  readonly initMs: number
  readonly demand: Demand
  /** How many it must be able to run at once. */
  readonly needed: number
  readonly now: Setting & Outcome
  readonly proposed: Setting & Outcome
}

/** What a setting leads to under the profile. */
export type Outcome = {
  /** Probability that a call of the peak is throttled. */
  readonly throttled: number
  readonly cold: ColdStarts
  readonly usdPerMonth: number
}

export type Plan = {
  readonly functions: readonly FunctionPlan[]
  readonly now: Pool
  readonly proposed: Pool
}

/** What functions without a reservation share. */
export type Pool = {
  readonly reserved: number
  readonly unreserved: number
  /** Erlangs at the peak of each of them, together. */
  readonly load: number
  readonly throttled: number
}

type Context = {
  readonly stack: Stack
  readonly traffic: Traffic
  readonly figures: Readonly<Record<string, FunctionFigures>>
  readonly targets: Targets
  readonly warmPrice: WarmPrice
}

/**
 * Proposes reserved and provisioned concurrency.
 *
 * What holds for every plan: reservations leave `UNRESERVED_MIN` to the others; none is below what is provisioned; more
 * demand never needs less; a plan for a stack that has it already proposes the same.
 */
export const planFor = (context: Context): Plan => {
  const { stack, targets } = context
  const needs = stack.functions.map((of) => needOf(of, context))
  const proposals = reserve(needs, targets)
  const nowPool = poolOf(needs, targets, ({ of }) => of)
  const proposedPool = poolOf(needs, targets, ({ of }) => settingOf(proposals, of.key))
  return {
    functions: needs.map((need): FunctionPlan => {
      const now = pick(need.of)
      const proposed = settingOf(proposals, need.of.key)
      return {
        ...need,
        now: { ...now, ...outcomeOf(need, now, nowPool, context) },
        proposed: { ...proposed, ...outcomeOf(need, proposed, proposedPool, context) },
      }
    }),
    now: nowPool,
    proposed: proposedPool,
  }
}

type Need = Pick<FunctionPlan, 'of' | 'isMeasured' | 'meanMs' | 'initMs' | 'demand' | 'needed'> & {
  readonly rates: readonly number[]
  readonly provisioned: number
}

const needOf = (of: StackFunction, { traffic, figures, targets }: Context): Need => {
  const measured = figures[of.key]
  const meanMs = measured?.durationMs.mean ?? 0
  // The median: on one machine many imports at once wait for each other, which is no matter on AWS.
  const initMs = measured?.initMs?.p50 ?? 0
  const rates = traffic.rates.get(of.key) ?? []
  const { bucketSeconds } = traffic
  const { quantile, headroom, throttledMax } = targets
  const demand = demandOf(rates, { bucketSeconds, meanSeconds: meanMs / 1_000, quantile })
  const planned = demand.load * headroom
  const needed =
    of.kind === 'door'
      ? Math.max(
          placesFor(planned, throttledMax),
          Math.ceil((demand.peakPerSecond * headroom) / REQUESTS_PER_CONCURRENCY),
        )
      : Math.ceil(planned / UTILISATION_MAX)
  const need = { of, isMeasured: measured !== undefined, meanMs, initMs, demand, needed, rates }
  const provisioned = provisionedFor(need, { traffic, targets })
  return { ...need, provisioned, needed: Math.max(needed, provisioned) }
}

/** The fewest warm environments with which no busy minute has more cold calls than wanted; 0 where it needs none. */
const provisionedFor = (
  need: Omit<Need, 'provisioned'>,
  { traffic, targets }: Pick<Context, 'traffic' | 'targets'>,
): number => {
  if (!ESSENTIAL.includes(need.of.key) || !need.isMeasured) return 0
  const shareWith = (provisioned: number) =>
    coldOf(need, { provisioned, traffic, targets }).worstMinuteShare
  // More warm environments never make more calls cold, so halving finds the fewest.
  let [low, high] = [0, need.needed]
  if (shareWith(low) <= targets.coldMax) return 0
  while (low + 1 < high) {
    const middle = Math.floor((low + high) / 2)
    if (shareWith(middle) <= targets.coldMax) high = middle
    else low = middle
  }
  return high
}

const coldOf = (
  { rates, meanMs, initMs }: Omit<Need, 'provisioned'>,
  { provisioned, traffic, targets }: { provisioned: number; traffic: Traffic; targets: Targets },
): ColdStarts =>
  coldStartsOf(rates, {
    bucketSeconds: traffic.bucketSeconds,
    meanSeconds: meanMs / 1_000,
    initSeconds: initMs / 1_000,
    provisioned,
    quantile: targets.quantile,
  })

/**
 * Essential doors get what they need, in their order, as far as the account allows. Another reservation was made for a reason
 * (a worker that must not run twice, a hint that may be dropped): it stays, and grows only where the work would not be done.
 */
const reserve = (needs: readonly Need[], targets: Targets): ReadonlyMap<string, Setting> => {
  const order = (key: string) => {
    const at = ESSENTIAL.indexOf(key)
    return at < 0 ? -1 : at
  }
  let left = targets.account - UNRESERVED_MIN
  const proposals = new Map<string, Setting>()
  for (const need of needs.toSorted((one, other) => order(one.of.key) - order(other.of.key))) {
    const { of, needed, provisioned } = need
    const isEssential = ESSENTIAL.includes(of.key) && need.isMeasured && needed > 0
    const wanted = isEssential
      ? needed
      : of.reserved === undefined
        ? undefined
        : Math.max(of.reserved, of.provisioned ?? 0, isBoundToWork(of) ? needed : 0)
    const fits = wanted !== undefined && wanted <= left
    if (fits) left -= wanted
    proposals.set(of.key, {
      reserved: fits ? wanted : undefined,
      provisioned: isEssential
        ? fits && provisioned > 0
          ? provisioned
          : undefined
        : of.provisioned,
    })
  }
  return proposals
}

/** Others have their number for another reason: a door beside the essential ones, a job that runs alone, hints that may be dropped. */
const isBoundToWork = ({ kind, takesHints }: StackFunction): boolean =>
  kind !== 'door' && kind !== 'job' && !takesHints

const poolOf = (
  needs: readonly Need[],
  { account }: Targets,
  settingFor: (need: Need) => Setting,
): Pool => {
  const reserved = needs.reduce((sum, need) => sum + (settingFor(need).reserved ?? 0), 0)
  const load = needs
    .filter((need) => settingFor(need).reserved === undefined)
    .reduce((sum, { demand }) => sum + demand.load, 0)
  const unreserved = Math.max(0, account - reserved)
  return { reserved, unreserved, load, throttled: erlangB(load, unreserved) }
}

const outcomeOf = (
  need: Need,
  { reserved, provisioned }: Setting,
  pool: Pool,
  { traffic, targets, warmPrice }: Context,
): Outcome => ({
  throttled: throttledOf(need, reserved, pool),
  cold: coldOf(need, { provisioned: provisioned ?? 0, traffic, targets }),
  usdPerMonth: warmPrice(provisioned ?? 0, need.of.memoryMb),
})

const throttledOf = ({ of, demand }: Need, reserved: number | undefined, pool: Pool): number => {
  if (demand.load === 0) return 0
  if (reserved === undefined) return pool.throttled
  // A schedule calls at even distances, not at random: only what is too long for them meets itself.
  if (of.kind === 'job') return Math.max(0, 1 - reserved / demand.load)
  return erlangB(demand.load, reserved)
}

const pick = ({ reserved, provisioned }: Setting): Setting => ({ reserved, provisioned })

const settingOf = (proposals: ReadonlyMap<string, Setting>, key: string): Setting =>
  proposals.get(key) ?? { reserved: undefined, provisioned: undefined }
