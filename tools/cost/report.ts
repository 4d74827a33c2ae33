import { valuesOf } from './bill/formula.ts'
import { COMPONENTS, type Component, type PricedLine, sumBy } from './bill/line.ts'
import { type MicroUsd, microUsd, sumUsd } from './bill/money.ts'
import {
  compareWithList,
  type ListComparison,
  missingFromBaseline,
  optimisedBaseline,
} from './design/baseline.ts'
import { serverlessBill } from './design/serverless.ts'
import { type BreakEven, breakEven } from './insight/break-even.ts'
import { type Sensitivity, sensitivities } from './insight/sensitivity.ts'
import { SWITCHES, switchOn } from './switches.ts'
import type { Compared, Workspace } from './workspace.ts'

export type ComponentRow = {
  readonly component: Component
  readonly baseline: MicroUsd
  readonly serverless: MicroUsd
  readonly difference: MicroUsd
}

export type ScenarioReport = {
  readonly name: string
  readonly title: string
  readonly activeLearners: number
  readonly baseline: MicroUsd
  readonly serverless: MicroUsd
  readonly components: readonly ComponentRow[]
  readonly lines: readonly PricedLine[]
  readonly baselineLines: readonly PricedLine[]
}

export type Saving = {
  readonly name: string
  readonly title: string
  readonly price: string
  readonly isOn: boolean
  /** Alone, from the bill without switches. */
  readonly saves: MicroUsd
  /** The bill with this and all switches above it. */
  readonly together: MicroUsd
}

/** Everything that is shown, in whichever form. */
export type Report = {
  readonly stage: string
  readonly region: string
  readonly pricesLooked: string
  readonly measured: string | undefined
  readonly switches: readonly string[]
  /** The first is the one that the rest of the report is about. */
  readonly scenarios: readonly ScenarioReport[]
  readonly baselineList: readonly ListComparison[]
  readonly baselineMissing: readonly { readonly title: string; readonly list: MicroUsd }[]
  /** The baseline's total if its sizes cost list price, with what it has no line for. */
  readonly baselineAtList: MicroUsd
  /** The same under the first scenario's load. */
  readonly baselineAtListHere: MicroUsd
  readonly baselineOptimised: readonly { readonly title: string; readonly total: MicroUsd }[]
  readonly optimisedStated: { readonly low: number; readonly high: number }
  readonly savings: readonly Saving[]
  readonly breakEven: BreakEven
  readonly sensitivities: readonly Sensitivity[]
  /** What rests on numbers that nobody measured, largest first. */
  readonly assumed: readonly {
    readonly name: string
    readonly amount: MicroUsd
    readonly lines: number
  }[]
  /** Prices of the first scenario, with and without the switches, that were recalled and not looked up. */
  readonly recalled: readonly string[]
}

/** Where break-even is looked for. */
const REQUESTS_MAX = 200_000_000

/** @param compared at least one. */
export const reportOf = (workspace: Workspace, compared: readonly Compared[]): Report => {
  const [first] = compared
  if (!first) throw new Error('a report is about a scenario')
  const { inputs } = first
  const others = SWITCHES.map(({ name }) => name).filter(
    (name) => !workspace.switches.includes(name),
  )
  const listed = compareWithList(workspace.baseline, inputs.prices)
  const missing = missingFromBaseline(workspace.baseline, inputs.prices)
  const baselineAtList = sumUsd([
    // A line without a named size stands at its own amount.
    ...listed.map(({ stated, difference }) => stated - (difference ?? 0n)),
    ...missing.map(({ list }) => list),
  ])
  return {
    stage: workspace.platform.stage,
    region: inputs.prices.region,
    pricesLooked: inputs.prices.looked,
    measured:
      workspace.measurements &&
      `${workspace.measurements.measuredAt.slice(0, 10)}, ${workspace.measurements.machine}`,
    switches: workspace.switches,
    scenarios: compared.map(scenarioReport),
    baselineList: listed,
    baselineMissing: missing,
    baselineAtList,
    baselineAtListHere:
      first.baseline.total + baselineAtList - sumUsd(listed.map(({ stated }) => stated)),
    baselineOptimised: optimisedBaseline(workspace.baseline, inputs.prices),
    optimisedStated: workspace.baseline.optimised.stated,
    savings: savingsOf(workspace, first),
    breakEven: breakEven(inputs, REQUESTS_MAX),
    sensitivities: sensitivities(inputs),
    assumed: assumedIn(first.serverless.lines),
    recalled: recalledIn([
      ...first.serverless.lines,
      ...serverlessBill(switchOn(inputs, others)).lines,
    ]),
  }
}

const scenarioReport = ({ scenario, serverless, baseline }: Compared): ScenarioReport => {
  const [ours, theirs] = [serverless.lines, baseline.lines].map((lines) =>
    sumBy(lines, ({ component }) => component),
  )
  return {
    name: scenario.name,
    title: scenario.title,
    activeLearners: scenario.activeLearners,
    baseline: baseline.total,
    serverless: serverless.total,
    components: COMPONENTS.map((component) => {
      const amounts = {
        baseline: theirs?.get(component) ?? 0n,
        serverless: ours?.get(component) ?? 0n,
      }
      return { component, ...amounts, difference: amounts.serverless - amounts.baseline }
    }),
    lines: serverless.lines,
    baselineLines: baseline.lines,
  }
}

const savingsOf = ({ switches }: Workspace, { inputs, scenario }: Compared): readonly Saving[] => {
  const plain = { ...inputs, scenario }
  const total = serverlessBill(plain).total
  return SWITCHES.map(({ name, title, price }, index) => {
    const isOn = switches.includes(name)
    const others = SWITCHES.slice(0, index + 1).map((each) => each.name)
    const missing = others.filter((other) => !switches.includes(other))
    return {
      name,
      title,
      price,
      isOn,
      saves: isOn ? 0n : total - serverlessBill(switchOn(plain, [name])).total,
      together: serverlessBill(switchOn(plain, missing)).total,
    }
  })
}

const recalledIn = (lines: readonly PricedLine[]): readonly string[] => {
  const prices = lines
    .flatMap(({ cost }) => valuesOf(cost))
    .filter(({ origin }) => origin.isRecalled)
  return [...new Set(prices.map(({ name, origin }) => `${name} (${origin.text})`))].toSorted()
}

const assumedIn = (lines: readonly PricedLine[]): Report['assumed'] => {
  const names = [...new Set(lines.flatMap(({ assumptions }) => assumptions))]
  return names
    .map((name) => {
      const resting = lines.filter(({ assumptions }) => assumptions.includes(name))
      return {
        name,
        lines: resting.length,
        amount: resting.reduce((sum, { amount }) => sum + amount, microUsd(0)),
      }
    })
    .toSorted((one, other) => Number(other.amount - one.amount))
}
