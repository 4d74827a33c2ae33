import type { Plan } from './plan.ts'
import type { Targets } from './policy.ts'

/**
 * The last look before figures are written: no door may refuse more than both now and what is wanted, whatever has led to the
 * proposal.
 *
 * @throws an Error that names the doors.
 */
export const refuseWorse = (
  { functions }: Pick<Plan, 'functions'>,
  { throttledMax }: Targets,
): void => {
  const worse = functions.filter(
    ({ of, now, proposed }) =>
      of.kind === 'door' && proposed.throttled > Math.max(now.throttled, throttledMax),
  )
  if (worse.length > 0)
    throw new Error(
      `Nothing was written: as proposed ${worse.map(({ of }) => of.key).join(', ')} would be throttled more than now.`,
    )
}
