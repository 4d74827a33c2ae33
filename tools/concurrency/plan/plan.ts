import type { ColdStarts } from '../model/cold-starts.ts'
import type { WarmPrice } from '../prices.ts'
import { coldOf, type Need, type NeedContext, needOf } from './need.ts'
import { type Pool, poolOf, type Setting, type Settings, settingOf, throttledBy } from './pool.ts'
import { accountFor, settingsFor } from './reserve.ts'

export type FunctionPlan = Omit<Need, 'warm' | 'stream' | 'alone'> & {
  readonly now: Setting & Outcome
  readonly proposed: Setting & Outcome
}

/** What a setting leads to under the profile. */
export type Outcome = {
  /** Share of the profile's calls that is throttled. */
  readonly throttled: number
  readonly cold: ColdStarts
  readonly usdPerMonth: number
}

export type Plan = {
  readonly functions: readonly FunctionPlan[]
  readonly now: Pool
  readonly proposed: Pool
  /** With so many the account has room for all that is needed. */
  readonly accountNeeded: number
}

type Context = NeedContext & { readonly warmPrice: WarmPrice }

/**
 * Proposes reserved and provisioned concurrency.
 *
 * What holds for every plan: reservations leave `UNRESERVED_MIN` to the others; none is below what is provisioned; no function's
 * calls are throttled more than now, or than wanted; more demand never needs less; a plan for a stack that has it already
 * proposes the same.
 */
export const planFor = (context: Context): Plan => {
  const { stack, targets } = context
  const needs = stack.functions.map((of) => needOf(of, context))
  const present: Settings = new Map(needs.map(({ of }) => [of.key, pick(of)]))
  const proposed = settingsFor(needs, targets)
  const outcomeNow = outcomesOf(needs, present, context)
  const outcomeProposed = outcomesOf(needs, proposed, context)
  return {
    functions: needs.map((need): FunctionPlan => {
      const { of, isMeasured, meanMs, initMs, demand, needed } = need
      return {
        ...{ of, isMeasured, meanMs, initMs, demand, needed },
        now: outcomeNow(need),
        proposed: outcomeProposed(need),
      }
    }),
    now: poolOf(needs, present, targets),
    proposed: poolOf(needs, proposed, targets),
    accountNeeded: accountFor(needs, proposed, targets),
  }
}

const outcomesOf = (
  needs: readonly Need[],
  settings: Settings,
  { traffic, targets, warmPrice }: Context,
): ((need: Need) => Setting & Outcome) => {
  const throttled = throttledBy(needs, settings, targets.account)
  return (need) => {
    const setting = settingOf(settings, need.of.key)
    const provisioned = setting.provisioned ?? 0
    return {
      ...setting,
      throttled: throttled.get(need.of.key) ?? 0,
      cold: coldOf(need, { provisioned, traffic, targets }),
      usdPerMonth: warmPrice(provisioned, need.of.memoryMb),
    }
  }
}

const pick = ({ reserved, provisioned }: Setting): Setting => ({ reserved, provisioned })
