import type { ConcurrencyFigures } from '../../../local/hub/concurrency.ts'
import type { FunctionPlan, Plan } from '../plan/plan.ts'
import type { Window } from './window.ts'

/** Environments that one machine holds beside those that are reserved; a thread with its modules takes about 30 MB. */
const UNRESERVED_MAX = 48

/**
 * What the account has today, as many times smaller as the traffic is: a reservation stays one, of one place at least.
 */
export const presentFigures = (plan: Plan, { scale }: Window): ConcurrencyFigures => ({
  unreserved: placesOf(plan.now.unreserved * scale),
  functions: figuresOf(plan.functions, ({ now }) => ({
    reserved: scaled(now.reserved, scale),
    provisioned: scaled(now.provisioned, scale),
  })),
})

/**
 * What the same rules propose for the traffic at its scale: a smaller stream needs more places for each call. What is shared
 * is as many times smaller as the traffic is.
 */
export const proposedFigures = (
  plan: Plan,
  { scaledPlan, window }: { scaledPlan: Plan; window: Window },
): ConcurrencyFigures => ({
  unreserved: placesOf(plan.proposed.unreserved * window.scale),
  functions: figuresOf(scaledPlan.functions, ({ proposed }) => proposed),
})

const placesOf = (places: number): number =>
  Math.min(UNRESERVED_MAX, Math.max(1, Math.ceil(places)))

const scaled = (places: number | undefined, scale: number): number | undefined =>
  places === undefined ? undefined : Math.max(Math.min(places, 1), Math.ceil(places * scale))

const figuresOf = (
  functions: readonly FunctionPlan[],
  settingOf: (one: FunctionPlan) => {
    readonly reserved: number | undefined
    readonly provisioned: number | undefined
  },
): ConcurrencyFigures['functions'] =>
  Object.fromEntries(
    functions.flatMap((one) => {
      const { reserved, provisioned } = settingOf(one)
      if (reserved === undefined && provisioned === undefined) return []
      return [
        [
          one.of.key,
          {
            ...(reserved !== undefined && { reserved }),
            ...(provisioned !== undefined && { provisioned }),
          },
        ],
      ]
    }),
  )
