import { signedUsd, usd } from '../bill/money.ts'
import type { Report, ScenarioReport } from '../report.ts'
import {
  breakEvenSentence,
  isCompared,
  listSentence,
  optimisedSentence,
  recalledSentence,
  scopeSentence,
  targetSentence,
} from './sentences.ts'
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

/** The report for a terminal. */
export const reportText = (report: Report): string => {
  const [first] = report.scenarios
  if (!first) return ''
  return [
    header(report),
    `${first.title} (${first.name}), US dollars a month\n\n${columns(componentTable(first))}`,
    scopeSentence(report, first),
    titled(scenarioTable(report)),
    ...(isCompared(report) ? [dearer(report, first)] : []),
    savingsText(report, first),
    ...(isCompared(report) ? [breakEvenSentence(report)] : []),
    assumedText(report),
    recalledSentence(report),
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
const dearer = (report: Report, first: ScenarioReport): string => {
  const rows = dearerIn(first)
  const list = rows.map(({ component, difference }) => `${component} ${signedUsd(difference)}`)
  return [
    rows.length === 0
      ? `In ${first.name} serverless is dearer nowhere.`
      : `Where serverless is dearer in ${first.name}: ${list.join(', ')}.`,
    listSentence(report, first),
  ].join('\n')
}

const savingsText = (report: Report, first: ScenarioReport): string =>
  [
    titled(savingsTable(report)),
    ...(isCompared(report) ? [targetSentence(report, first)] : []),
  ].join('\n\n')

const assumedText = (report: Report) =>
  report.assumed.length === 0 ? 'No line rests on an assumption.' : titled(assumedTable(report))

/** Every line of the first scenario. */
export const linesText = ({ scenarios: [first] }: Report): string =>
  first ? columns(linesTable(first)) : ''

/** The baseline's own table beside list prices. */
export const baselineText = (report: Report): string =>
  [
    columns(baselineTable(report)),
    titled(missingTable(report)),
    `At list prices and with that, it would be ${usd(report.baselineAtList)} for its ordinary load.`,
    optimisedSentence(report),
    columns(optimisedTable(report)),
  ].join('\n\n')
