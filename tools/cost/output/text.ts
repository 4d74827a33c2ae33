import { type MicroUsd, microUsd, usd } from '../bill/money.ts'
import type { Report, ScenarioReport } from '../report.ts'
import { columns } from './columns.ts'

const signed = (amount: MicroUsd) => (amount > 0n ? `+${usd(amount)}` : usd(amount))

const TARGET_USD = 3_500
const ASSUMED_SHOWN = 8

/** The report for a terminal. */
export const reportText = (report: Report): string => {
  const [first] = report.scenarios
  if (!first) return ''
  return [
    header(report),
    `${first.title} (${first.name}), US dollars a month\n\n${componentTable(first)}`,
    `All scenarios\n\n${scenarioTable(report.scenarios)}`,
    dearer(report),
    `What makes the serverless bill smaller, with the same engines\n\n${savingsTable(report)}`,
    breakEvenText(report),
    assumedText(report),
  ].join('\n\n')
}

const header = ({ stage, region, pricesLooked, measured, switches, recalled }: Report) =>
  [
    `Spend against the EKS baseline. Sizes of ${stage}, prices of ${region} as looked up on ${pricesLooked}; ${recalled.length} of them are recalled and unchecked.`,
    measured === undefined
      ? 'No function has been measured (docs/measurements/functions.json): durations and events are assumed.'
      : `Functions measured on ${measured}.`,
    `Switches on: ${switches.length > 0 ? switches.join(', ') : 'none'}. Free tiers, tax and support are not counted.`,
  ].join('\n')

const componentTable = ({ components, baseline, serverless }: ScenarioReport) =>
  columns(
    ['component', 'EKS baseline', 'serverless', 'difference'],
    [
      ...components.map((row) => [
        row.component,
        usd(row.baseline),
        usd(row.serverless),
        signed(row.difference),
      ]),
      ['total', usd(baseline), usd(serverless), signed(serverless - baseline)],
    ],
  )

const scenarioTable = (scenarios: readonly ScenarioReport[]) =>
  columns(
    [
      'scenario',
      'learners',
      'EKS baseline',
      'serverless',
      'difference',
      'EKS/learner',
      'serverless/learner',
    ],
    scenarios.map(({ name, activeLearners, baseline, serverless }) => [
      name,
      activeLearners.toLocaleString('en'),
      usd(baseline),
      usd(serverless),
      signed(serverless - baseline),
      usd(baseline / BigInt(activeLearners), 3),
      usd(serverless / BigInt(activeLearners), 3),
    ]),
  )

/** Where serverless is dearer, and how much of that is the baseline's own price list. */
const dearer = ({ scenarios: [first], baselineAtList }: Report) => {
  if (!first) return ''
  const { components, name, serverless } = first
  const rows = components
    .filter(({ difference }) => difference > 0n)
    .toSorted((one, other) => Number(other.difference - one.difference))
  const list = rows.map(({ component, difference }) => `${component} ${signed(difference)}`)
  return [
    rows.length === 0
      ? `In ${name} serverless is dearer nowhere.`
      : `Where serverless is dearer in ${name}: ${list.join(', ')}.`,
    `At list prices, and with what it has no line for, the EKS baseline would be ${usd(baselineAtList)} for its ordinary load: serverless less that is ${signed(serverless - baselineAtList)} (npm run cost -- --baseline).`,
  ].join('\n')
}

const savingsTable = ({ savings }: Report) => {
  const target = savings.find(({ together }) => together < microUsd(TARGET_USD))
  const sentence = target
    ? `Below ${usd(microUsd(TARGET_USD), 0)} with ${savings
        .slice(0, savings.indexOf(target) + 1)
        .map(({ name }) => name)
        .join(', ')}.`
    : `Not below ${usd(microUsd(TARGET_USD), 0)} with all of them.`
  const table = columns(
    ['switch', 'saves alone', 'bill with it and those above', 'what it is'],
    savings.map(({ name, title, isOn, saves, together }) => [
      name,
      isOn ? 'is on' : usd(saves),
      usd(together),
      title,
    ]),
    { left: [0, 3] },
  )
  return `${table}\n\n${sentence}`
}

const breakEvenText = ({ breakEven: { at, points, services } }: Report) => {
  const last = points.at(-1)?.requests ?? 0
  return at === undefined
    ? `Functions stay cheaper than nodes for the same ${services} services up to ${last.toLocaleString('en')} requests a month.`
    : `Nodes for the same ${services} services are cheaper than functions from about ${at.toLocaleString('en')} requests a month.`
}

const assumedText = ({ assumed }: Report) =>
  assumed.length === 0
    ? 'No line rests on an assumption.'
    : `What rests on assumptions (data/assumptions.yaml)\n\n${columns(
        ['assumption', 'lines', 'of dollars a month'],
        assumed
          .slice(0, ASSUMED_SHOWN)
          .map(({ name, lines, amount }) => [name, String(lines), usd(amount)]),
      )}`

/** Every line of the first scenario. */
export const linesText = ({ scenarios: [first] }: Report): string =>
  columns(
    ['line', 'title', 'component', 'group', 'a month', 'rests on assumptions'],
    (first?.lines ?? []).map(({ id, title, component, group, amount, assumptions }) => [
      id,
      title,
      component,
      group,
      usd(amount),
      assumptions.length > 0 ? 'yes' : 'no',
    ]),
    { left: [0, 1, 2, 3] },
  )

/** The baseline's own table beside list prices. */
export const baselineText = (report: Report): string => {
  const { baselineList, baselineMissing, baselineOptimised, optimisedStated } = report
  const optimised = columns(
    ['step, on top of those above', 'total'],
    baselineOptimised.map(({ title, total }) => [title, usd(total)]),
  )
  return [
    columns(
      ['line', 'stated', 'list price', 'stated less list', 'what the amount would buy'],
      baselineList.map(({ title, stated, list, difference, implied }) => [
        title,
        usd(stated),
        list === undefined ? '' : usd(list),
        difference === undefined ? '' : signed(difference),
        implied ?? '',
      ]),
      { left: [0, 4] },
    ),
    `It has no line for\n\n${columns(
      ['what', 'list price'],
      baselineMissing.map(({ title, list }) => [title, usd(list)]),
    )}`,
    `At list prices and with that, it would be ${usd(report.baselineAtList)} for its ordinary load.`,
    `It promises ${usd(microUsd(optimisedStated.low), 0)} to ${usd(microUsd(optimisedStated.high), 0)} after optimising, and does not say how. These steps stay within that:\n\n${optimised}`,
  ].join('\n\n')
}
