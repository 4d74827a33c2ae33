import { html, raw } from 'hono/html'
import type { Spend } from '../actual/spend.ts'
import { signedUsd, usd } from '../bill/money.ts'
import type { Report, ScenarioReport } from '../report.ts'
import { headlineMarkup, type Markup, plotMarkup, tableMarkup } from './markup.ts'
import { plotsOf } from './plots.ts'
import {
  isCompared,
  listSentence,
  optimisedSentence,
  recalledSentence,
  scopeSentence,
  targetSentence,
} from './sentences.ts'
import { aside, coverage, moved, verdict } from './spend.ts'
import { spendPlot } from './spend-plot.ts'
import { PAGE_STYLE } from './style.ts'
import {
  assumedTable,
  baselineTable,
  dearerIn,
  linesTable,
  missingTable,
  movedTables,
  optimisedTable,
  perLearner,
  savingsTable,
} from './tables.ts'

/** One page that needs nothing else: tables, and plots as SVG, each with its numbers beside it. @param spend what was billed, if it is known */
export const reportPage = async (report: Report, spend?: Spend): Promise<string> => {
  const [first] = report.scenarios
  if (!first) return ''
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Learning Hub: spend against baseline</title>
<style>${raw(PAGE_STYLE)}</style>
</head>
<body>
<header>
<h1>Spend against baseline</h1>
<p>${first.title}. US dollars a month, ${report.region}, sizes of ${report.stage}. Prices as looked up on ${report.pricesLooked}; ${report.recalled.length} of those in the bill, or in what makes it smaller, are recalled and unchecked.
Switches on: ${report.switches.length > 0 ? report.switches.join(', ') : 'none'}. ${report.measured === undefined ? 'Durations and events of functions are assumed; nothing has been measured.' : `Functions were measured on ${report.measured}.`}</p>
${headlineMarkup(headline(first))}
<p>${scopeSentence(report, first)}</p>
</header>
<main>
${spend ? await billed(spend) : ''}
${await designs(report, first)}
</main>
</body>
</html>`
  return String(await page)
}

const headline = ({ baseline, serverless, activeLearners }: ScenarioReport) => ({
  'EKS baseline': usd(baseline, 0),
  Serverless: usd(serverless, 0),
  Difference: signedUsd(serverless - baseline).replace(/\.\d\d$/, ''),
  'Serverless per active learner': perLearner(serverless, activeLearners),
})

/** What AWS billed, beside plan, baseline, budget and forecast. */
const billed = async (spend: Spend): Promise<Markup> => html`<section><h2>What AWS billed</h2>
<p>${coverage(spend)}</p>
${headlineMarkup({
  Spent: usd(spend.total.spent, 0),
  'Plan for these days': usd(spend.total.plan, 0),
  'Forecast of the month': usd(spend.forecastBilled, 0),
  Budget: usd(spend.budget, 0),
})}
<p>${verdict(spend)}</p>
${aside(spend).map((each) => html`<p>${each}</p>`)}</section>
${plotMarkup(await spendPlot(spend))}
<section><h2>What moved</h2>
<p>${moved(spend)}</p>
${movedTables(spend).map(tableMarkup)}</section>`

const designs = async (report: Report, first: ScenarioReport): Promise<Markup> => html`${
  isCompared(report)
    ? html`<section><h2>Where serverless is dearer</h2>
${dearerList(report, first)}</section>`
    : ''
}
${(await plotsOf(report)).map(plotMarkup)}
<section><h2>What makes it smaller</h2>
<p>The same engines, the same data. ${isCompared(report) ? targetSentence(report, first) : ''}</p>
${tableMarkup(savingsTable(report))}
<h3>What is given up for it</h3>
<dl>${report.savings.map(({ name, price }) => html`<dt>${name}</dt><dd>${price}</dd>`)}</dl></section>
<section><h2>The baseline beside list prices</h2>
${tableMarkup(baselineTable(report))}
${tableMarkup(missingTable(report))}
<p>${optimisedSentence(report)}</p>
${tableMarkup(optimisedTable(report))}</section>
<section><h2>What rests on assumptions</h2>
${tableMarkup(assumedTable(report))}
<p>${recalledSentence(report)}</p></section>
<section><h2>All lines of ${first.name}</h2>
<details><summary>${first.lines.length} lines of the serverless bill</summary>
${tableMarkup(linesTable(first))}</details>
<p><code>npm run cost -- --why LINE</code> shows the formula of a line with its numbers.</p></section>`

/** Said before any plot: what a cost owner must not find out alone. */
const dearerList = (report: Report, first: ScenarioReport): Markup =>
  html`<ul>${dearerIn(first).map(({ component, difference }) => html`<li>${component}: ${signedUsd(difference)}</li>`)}</ul>
<p>${listSentence(report, first)}</p>`
