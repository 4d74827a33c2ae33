import { join } from 'node:path'
import { packageHub } from '../../local/package/package.ts'
import type { Measurement } from '../measure/function-figures.ts'
import { InputError } from '../measure/input-error.ts'
import { readPackaged } from '../measure/packaged.ts'
import { root } from '../measure/root.ts'
import type { Arguments } from './arguments.ts'
import { checkFigures } from './files/check.ts'
import { readInputs } from './inputs.ts'
import { UNRESERVED_MIN } from './limits.ts'
import { findingsOf } from './plan/findings.ts'
import { planFor } from './plan/plan.ts'
import type { Targets } from './plan/policy.ts'
import { setAside } from './plan/pool.ts'
import { connectionsOf, consumptionOf, readInstanceClass } from './plan/shared.ts'
import { readWarmPrice, type WarmPrice } from './prices.ts'
import type { Study } from './report/study.ts'
import { type Stack, stackOf } from './stack.ts'
import { eventsOf, followTraffic } from './traffic/follow.ts'
import type { Traffic } from './traffic/traffic.ts'

const SIZES = join(root, 'terraform', 'environments', 'prod', 'sizes.auto.tfvars.json')

export type Studied = {
  readonly study: Study
  readonly stack: Stack
  /** As it was given: calls at the doors only, where nothing else was counted. */
  readonly traffic: Traffic
  readonly measurement: Measurement
  readonly warmPrice: WarmPrice
}

/** Reads everything that was named and plans. @throws InputError or an Error in one sentence. */
export const studyOf = async (args: Arguments): Promise<Studied> => {
  // The packager would refuse some of it too, but without a line.
  await checkFigures(root, args.account)
  const templatePath = args.template ?? (await packageHub({ root, reuse: true })).templatePath
  const template = await readPackaged(templatePath)
  const stack = stackOf(template)
  refuseImpossible(templatePath, stack, args.account)
  const { traffic, measurement } = await readInputs(args, template)
  const followed = followTraffic(traffic, stack, measurement.functions)
  const targets: Targets = {
    quantile: args.quantile,
    throttledMax: args.throttled,
    coldMax: args.cold,
    headroom: args.headroom,
    account: args.account,
    mayLower: args.lower,
  }
  const warmPrice = await readWarmPrice()
  const plan = planFor({
    ...{ stack, traffic: followed, figures: measurement.functions, targets },
    warmPrice,
  })
  const instanceClass = await readInstanceClass(args.sizes ?? SIZES)
  const connections = connectionsOf(plan.functions, { instanceClass, targets })
  const consumption = consumptionOf(stack, {
    functions: plan.functions,
    events: eventsOf(traffic, stack, measurement.functions),
    bucketSeconds: followed.bucketSeconds,
    quantile: args.quantile,
  })
  const findings = findingsOf(plan, { connections, consumption, targets })
  const { measuredAt, command, machine } = measurement
  const durations = `Durations: ${command}, ${measuredAt.slice(0, 10)}, on ${machine}.`
  const study = { traffic: followed, targets, plan, connections, consumption, findings, durations }
  return { study, stack, traffic, measurement, warmPrice }
}

/** What AWS would refuse at deployment is refused here: no plan begins from figures that cannot be. */
const refuseImpossible = (file: string, { functions }: Stack, account: number): void => {
  const sum = functions.reduce((total, one) => total + setAside(one), 0)
  if (sum > account - UNRESERVED_MIN)
    throw new InputError(
      { file },
      `what is reserved, or warm without a reservation, sums up to ${sum}, and an account of ${account} must leave ${UNRESERVED_MIN} unreserved`,
    )
  for (const { key, reserved, provisioned } of functions)
    if (reserved !== undefined && (provisioned ?? 0) > reserved)
      throw new InputError(
        { file },
        `${key} provisions ${provisioned}, more than the ${reserved} it reserves`,
      )
}
