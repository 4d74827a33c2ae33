import { fileURLToPath } from 'node:url'
import { packageHub } from '../../local/package/package.ts'
import {
  type Baseline,
  type BaselineLoads,
  baselineLines,
  readBaseline,
} from './design/baseline.ts'
import { type Deployed, readDeployed } from './design/deployed.ts'
import type { Inputs } from './design/inputs.ts'
import { type Bill, billOf, serverlessBill } from './design/serverless.ts'
import { type Platform, readPlatform, type Stage } from './design/sizes.ts'
import { type Assumptions, readAssumptions } from './inputs/assumptions.ts'
import { type Measurements, readMeasurements } from './inputs/measurements.ts'
import { readPrices } from './inputs/prices.ts'
import { readScenario, type Scenario } from './inputs/scenario.ts'
import { switchOn } from './switches.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** Everything that is read once, whichever scenarios are asked for. */
export type Workspace = {
  readonly deployed: Deployed
  readonly platform: Platform
  readonly measurements: Measurements | undefined
  readonly assumptions: Assumptions
  readonly baseline: Baseline
  readonly loads: BaselineLoads
  readonly switches: readonly string[]
}

export type Compared = {
  readonly scenario: Scenario
  readonly inputs: Inputs
  readonly serverless: Bill
  readonly baseline: Bill
}

export const openWorkspace = async ({
  stage = 'prod',
  switches = [],
  templatePath,
  measurementPath,
}: {
  stage?: Stage
  switches?: readonly string[]
  /** Packaged by somebody else; without it the sources are packaged, or what was made of the same ones is taken. */
  templatePath?: string | undefined
  measurementPath?: string | undefined
} = {}): Promise<Workspace> => ({
  deployed: await readDeployed(
    templatePath ?? (await packageHub({ root: ROOT, reuse: true })).templatePath,
  ),
  platform: await readPlatform(stage),
  measurements: await readMeasurements(measurementPath),
  assumptions: await readAssumptions(),
  baseline: await readBaseline(),
  loads: { baseline: await readScenario('baseline'), peak: await readScenario('peak') },
  switches,
})

/** The inputs of a scenario, switches applied. */
export const inputsOf = async (workspace: Workspace, scenario: Scenario): Promise<Inputs> => {
  const { deployed, platform, measurements, assumptions, switches } = workspace
  const prices = await readPrices(scenario.region)
  const plain: Inputs = {
    ...{ prices, deployed, platform, scenario, measurements, assumptions },
    commitments: [],
    switches: [],
  }
  return switchOn(plain, switches)
}

/** Both designs under one load. */
export const compare = async (workspace: Workspace, scenario: Scenario): Promise<Compared> => {
  const inputs = await inputsOf(workspace, scenario)
  return {
    scenario,
    inputs,
    serverless: serverlessBill(inputs),
    baseline: billOf(baselineLines(workspace.baseline, workspace.loads, scenario)),
  }
}
