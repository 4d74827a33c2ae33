import { Big } from 'big.js'
import { dollars, type MicroUsd } from './bill/money.ts'
import { serverlessBill } from './design/serverless.ts'
import type { Stage } from './design/sizes.ts'
import { readScenario } from './inputs/scenario.ts'
import { inputsOf, type Workspace } from './workspace.ts'

/** What Terraform's module `budget` takes. */
export type Budget = { readonly monthly_usd: number; readonly anomaly_usd: number }

/** The load that a stage's budget is made for. */
export const BUDGET_SCENARIOS: Readonly<Record<Stage, string>> = {
  prod: 'baseline',
  staging: 'staging',
}

/** What a month may bring beyond its plan before anybody is told. */
const HEADROOM = 1.1
const ROUND_USD = 100
/** A message for half a day's part of the month: less is noise, more is seen late. */
const ANOMALY_PART = 60
const ANOMALY_ROUND_USD = 10

/** The budget of a stage: its bill with the switches that are on, and a tenth more. */
export const budgetOf = async (workspace: Workspace): Promise<Budget> => {
  const scenario = await readScenario(BUDGET_SCENARIOS[workspace.platform.stage])
  return budgetFor(serverlessBill(await inputsOf(workspace, scenario)).total)
}

export const budgetFor = (bill: MicroUsd): Budget => {
  const monthly = roundedUp(new Big(dollars(bill)).times(HEADROOM), ROUND_USD)
  return {
    monthly_usd: monthly,
    anomaly_usd: roundedUp(new Big(monthly).div(ANOMALY_PART), ANOMALY_ROUND_USD),
  }
}

const roundedUp = (usd: Big, to: number): number =>
  usd.div(to).round(0, Big.roundUp).times(to).toNumber()
