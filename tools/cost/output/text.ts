import { microUsd, signedUsd, usd } from '../bill/money.ts'
import type { Report } from '../report.ts'
import { columns, titled } from './table.ts'
import {
  assumedTable,
  baselineTable,
  componentTable,
  dearerIn,
  linesTable,
  missingTable,
  optimisedTable,
  savingsTable,
  scenarioTable,
} from './tables.ts'

const TARGET_USD = 3_500

/** The report for a terminal. */
export const reportText = (report: Report): string => {
  const [first] = report.scenarios
  if (!first) return ''
  return [
    header(report),
    `${first.title} (${first.name}), US dollars a month\n\n${columns(componentTable(first))}`,
    titled(scenarioTable(report)),
    dearer(report),
    savingsText(report),
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

/** Where serverless is dearer, and how much of that is the baseline's own price list. */
const dearer = ({ scenarios: [first], baselineAtList }: Report) => {
  if (!first) return ''
  const { name, serverless } = first
  const rows = dearerIn(first)
  const list = rows.map(({ component, difference }) => `${component} ${signedUsd(difference)}`)
  return [
    rows.length === 0
      ? `In ${name} serverless is dearer nowhere.`
      : `Where serverless is dearer in ${name}: ${list.join(', ')}.`,
    `At list prices, and with what it has no line for, the EKS baseline would be ${usd(baselineAtList)} for its ordinary load: serverless less that is ${signedUsd(serverless - baselineAtList)} (npm run cost -- --baseline).`,
  ].join('\n')
}

const savingsText = (report: Report) => {
  const { savings } = report
  const target = savings.find(({ together }) => together < microUsd(TARGET_USD))
  const sentence = target
    ? `Below ${usd(microUsd(TARGET_USD), 0)} with ${savings
        .slice(0, savings.indexOf(target) + 1)
        .map(({ name }) => name)
        .join(', ')}.`
    : `Not below ${usd(microUsd(TARGET_USD), 0)} with all of them.`
  return `${titled(savingsTable(report))}\n\n${sentence}`
}

const breakEvenText = ({ breakEven: { at, points, services } }: Report) => {
  const last = points.at(-1)?.requests ?? 0
  return at === undefined
    ? `Functions stay cheaper than nodes for the same ${services} services up to ${last.toLocaleString('en')} requests a month.`
    : `Nodes for the same ${services} services are cheaper than functions from about ${at.toLocaleString('en')} requests a month.`
}

const assumedText = (report: Report) =>
  report.assumed.length === 0 ? 'No line rests on an assumption.' : titled(assumedTable(report))

/** Every line of the first scenario. */
export const linesText = ({ scenarios: [first] }: Report): string =>
  first ? columns(linesTable(first)) : ''

/** The baseline's own table beside list prices. */
export const baselineText = (report: Report): string => {
  const { low, high } = report.optimisedStated
  return [
    columns(baselineTable(report)),
    titled(missingTable(report)),
    `At list prices and with that, it would be ${usd(report.baselineAtList)} for its ordinary load.`,
    `It promises ${usd(microUsd(low), 0)} to ${usd(microUsd(high), 0)} after optimising, and does not say how. These steps stay within that:`,
    columns(optimisedTable(report)),
  ].join('\n\n')
}
