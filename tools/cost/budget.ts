import { fileURLToPath } from 'node:url'
import { Big } from 'big.js'
import * as z from 'zod'
import { dollars, type MicroUsd } from './bill/money.ts'
import { serverlessBill } from './design/serverless.ts'
import { readScenario } from './inputs/scenario.ts'
import { readYaml } from './inputs/yaml.ts'
import { inputsOf, type Workspace } from './workspace.ts'

/** What Terraform's module `budget` takes. */
export type Budget = { readonly monthly_usd: number; readonly anomaly_usd: number }

const FILE = fileURLToPath(new URL('./data/budgets.yaml', import.meta.url))

const purpose = z.strictObject({ scenario: z.string(), switches: z.array(z.string()) })
const schema = z.strictObject({ prod: purpose, staging: purpose })

/** What a month may bring beyond its plan before anybody is told. */
const HEADROOM = 1.1
const ROUND_USD = 100
/** A message for half a day's part of the month: less is noise, more is seen late. */
const ANOMALY_PART = 60
const ANOMALY_ROUND_USD = 10

/** The budget of a stage: the bill of what data/budgets.yaml says, and a tenth more. */
export const budgetOf = async (workspace: Workspace): Promise<Budget> => {
  const { scenario, switches } = (await readYaml(FILE, schema))[workspace.platform.stage]
  const inputs = await inputsOf({ ...workspace, switches }, await readScenario(scenario))
  return budgetFor(serverlessBill(inputs).total)
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
