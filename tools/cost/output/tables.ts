import { Big } from 'big.js'
import { movedMost, type Spend, type SpendRow } from '../actual/spend.ts'
import { number } from '../bill/explain.ts'
import { type MicroUsd, signedUsd, usd } from '../bill/money.ts'
import type { ComponentRow, Report, ScenarioReport } from '../report.ts'
import type { Table } from './table.ts'
import { words } from './words.ts'

// What both the terminal and the page show, each drawn in its way.

const yesNo = (isSo: boolean) => (isSo ? 'yes' : 'no')

export const perLearner = (amount: MicroUsd, learners: number) => usd(amount / BigInt(learners), 3)

export const componentTable = ({
  title,
  components,
  baseline,
  serverless,
}: ScenarioReport): Table => ({
  title,
  head: ['component', 'EKS baseline', 'serverless', 'difference'],
  rows: [
    ...components.map((row) => [
      row.component,
      usd(row.baseline),
      usd(row.serverless),
      signedUsd(row.difference),
    ]),
    ['total', usd(baseline), usd(serverless), signedUsd(serverless - baseline)],
  ],
})

export const scenarioTable = ({ scenarios }: Report): Table => ({
  title: 'All scenarios',
  head: [
    ...['scenario', 'learners', 'EKS baseline', 'serverless', 'difference'],
    ...['EKS/learner', 'serverless/learner'],
  ],
  rows: scenarios.map(({ name, activeLearners, baseline, serverless }) => [
    name,
    activeLearners.toLocaleString('en'),
    usd(baseline),
    usd(serverless),
    signedUsd(serverless - baseline),
    perLearner(baseline, activeLearners),
    perLearner(serverless, activeLearners),
  ]),
})

export const linesTable = ({ title, lines }: ScenarioReport): Table => ({
  title: `Lines of ${title}`,
  head: ['line', 'title', 'component', 'group', 'a month', 'rests on assumptions'],
  rows: lines.map((line) => [
    ...[line.id, line.title, line.component, line.group, usd(line.amount)],
    yesNo(line.assumptions.length > 0),
  ]),
  left: [0, 1, 2, 3],
})

export const baselineTable = ({ baselineList }: Report): Table => ({
  title: 'The EKS baseline, line by line',
  head: ['line', 'stated', 'list price', 'stated less list', 'what the amount would buy'],
  rows: baselineList.map(({ title, stated, list, difference, implied }) => [
    title,
    usd(stated),
    list === undefined ? '' : usd(list),
    difference === undefined ? '' : signedUsd(difference),
    implied ?? '',
  ]),
  left: [0, 4],
})

export const missingTable = ({ baselineMissing }: Report): Table => ({
  title: 'What it has no line for',
  head: ['what', 'list price'],
  rows: baselineMissing.map(({ title, list }) => [title, usd(list)]),
})

export const optimisedTable = ({ baselineOptimised }: Report): Table => ({
  title: 'The EKS baseline, optimised',
  head: ['step, on top of those above', 'total'],
  rows: baselineOptimised.map(({ title, total }) => [title, usd(total)]),
})

export const savingsTable = ({ savings }: Report): Table => ({
  title: 'What makes the serverless bill smaller, with the same engines',
  head: ['switch', 'saves alone', 'bill with it and those above', 'what it is'],
  rows: savings.map(({ name, title, isOn, saves, together }) => [
    ...[name, isOn ? 'is on' : usd(saves), usd(together), title],
  ]),
  left: [0, 3],
})

const ASSUMED_SHOWN = 8

/** The numbers that nobody measured and that most money hangs on. */
export const assumedTable = ({ assumed }: Report): Table => ({
  title: 'What rests on assumptions (data/assumptions.yaml)',
  head: ['assumption', 'lines', 'of dollars a month'],
  rows: assumed
    .slice(0, ASSUMED_SHOWN)
    .map(({ name, lines, amount }) => [name, String(lines), usd(amount)]),
})

export const breakEvenTable = ({ breakEven: { points } }: Report): Table => ({
  title: 'Functions against nodes',
  head: ['requests a month', 'functions', 'nodes'],
  rows: points
    .filter((_point, index) => index % POINTS_PER_ROW === 0)
    .map(({ requests, functions, nodes }) => [
      ...[number(new Big(requests)), usd(functions), usd(nodes)],
    ]),
})

const POINTS_PER_ROW = 4

export const sensitivityTable = ({ sensitivities }: Report): Table => ({
  title: 'Change of the bill',
  head: ['number', 'kind', 'with half of it', 'with twice of it'],
  rows: sensitivities.map(({ name, kind, half, twice }) => [
    ...[words(name), kind, signedUsd(half), signedUsd(twice)],
  ]),
  left: [0, 1],
})

/** The components that cost more than in the baseline, by how much more. */
export const dearerIn = ({ components }: ScenarioReport): readonly ComponentRow[] =>
  components
    .filter(({ difference }) => difference > 0n)
    .toSorted((one, other) => Number(other.difference - one.difference))

/** What was billed, by service and by function group. */
export const spendTables = ({ services, groups, total }: Spend): readonly Table[] => [
  spendTable('service', [...services, total]),
  spendTable('group', [...groups, total]),
]

const spendTable = (by: string, rows: readonly SpendRow[]): Table => ({
  title: `Spend by ${by}`,
  head: [
    ...[by, 'spent', 'plan', 'spent less plan', 'EKS baseline'],
    ...['forecast', 'plan of the month', 'budget'],
  ],
  rows: rows.map(({ name, spent, plan, baseline, forecast, planOfMonth, budget }) => [
    name,
    usd(spent),
    usd(plan),
    signedUsd(spent - plan),
    baseline === undefined ? '' : usd(baseline),
    usd(forecast),
    usd(planOfMonth),
    usd(budget),
  ]),
})

const MOVED_SHOWN = 10

/** What changed by a dollar and more against the same days of the month before, most first; none where nothing did. */
export const movedTables = ({ services, groups }: Spend): readonly Table[] =>
  [movedTable('service', services), movedTable('group', groups)].filter(
    ({ rows }) => rows.length > 0,
  )

const movedTable = (by: string, rows: readonly SpendRow[]): Table => ({
  title: `What moved, by ${by}`,
  head: [by, 'month before, same days', 'spent', 'moved'],
  rows: movedMost(rows, MOVED_SHOWN).map(({ name, before, spent, change }) => [
    ...[name, usd(before), usd(spent), signedUsd(change)],
  ]),
})
