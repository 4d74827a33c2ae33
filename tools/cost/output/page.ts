import { Big } from 'big.js'
import { html, raw } from 'hono/html'
import { number } from '../bill/explain.ts'
import { type MicroUsd, usd } from '../bill/money.ts'
import type { Report, ScenarioReport } from '../report.ts'
import { type Plot, plotsOf } from './plots.ts'
import { PAGE_STYLE } from './style.ts'
import { words } from './words.ts'

type Markup = ReturnType<typeof html>

const signed = (amount: MicroUsd) => (amount > 0n ? `+${usd(amount)}` : usd(amount))
const perLearner = (amount: MicroUsd, learners: number) => usd(amount / BigInt(learners), 3)

/** One page that needs nothing else: tables, and plots as SVG, each with its numbers beside it. */
export const reportPage = async (report: Report): Promise<string> => {
  const [bill, learner, meeting, hanging] = await plotsOf(report)
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
<p>${first.title}. US dollars a month, ${report.region}, sizes of ${report.stage}. Prices as looked up on ${report.pricesLooked}; ${report.recalled.length} are recalled and unchecked.
Switches on: ${report.switches.length > 0 ? report.switches.join(', ') : 'none'}. ${report.measured === undefined ? 'Durations and events of functions are assumed; nothing has been measured.' : `Functions were measured on ${report.measured}.`}</p>
${headline(first)}
</header>
<main>
<section><h2>Where serverless is dearer</h2>
${dearerList(report)}</section>
${section(bill, scenarioTables(report))}
${section(learner, perLearnerTable(report))}
${section(meeting, breakEvenTable(report))}
${section(hanging, sensitivityTable(report))}
<section><h2>What makes it smaller</h2>
<p>The same engines, the same data. Each switch says what is given up for it.</p>
${table(
  'Switches',
  ['Switch', 'Saves alone', 'Bill with it and those above', 'What is given up'],
  report.savings.map(({ name, title, price, isOn, saves, together }) => [
    `${title} (${name})`,
    isOn ? 'is on' : usd(saves),
    usd(together),
    price,
  ]),
  [0, 3],
)}</section>
<section><h2>The baseline beside list prices</h2>
${table(
  'The EKS baseline, line by line',
  ['Line', 'Stated', 'List price', 'Stated less list', 'What the amount would buy'],
  report.baselineList.map(({ title, stated, list, difference, implied }) => [
    title,
    usd(stated),
    list === undefined ? '' : usd(list),
    difference === undefined ? '' : signed(difference),
    implied ?? '',
  ]),
  [0, 4],
)}</section>
<section><h2>All lines of ${first.name}</h2>
<details><summary>${first.lines.length} lines of the serverless bill</summary>
${table(
  'Lines',
  ['Line', 'Title', 'Group', 'A month', 'Rests on assumptions'],
  first.lines.map(({ id, title, group, amount, assumptions }) => [
    id,
    title,
    group,
    usd(amount),
    assumptions.length > 0 ? 'yes' : 'no',
  ]),
  [0, 1, 2],
)}</details>
<p><code>npm run cost -- --why LINE</code> shows the formula of a line with its numbers.</p></section>
</main>
</body>
</html>`
  return String(await page)
}

const headline = ({
  baseline,
  serverless,
  activeLearners,
}: ScenarioReport): Markup => html`<dl class="headline">
<div><dt>EKS baseline</dt><dd>${usd(baseline, 0)}</dd></div>
<div><dt>Serverless</dt><dd>${usd(serverless, 0)}</dd></div>
<div><dt>Difference</dt><dd>${signed(serverless - baseline).replace(/\.\d\d$/, '')}</dd></div>
<div><dt>Serverless per active learner</dt><dd>${perLearner(serverless, activeLearners)}</dd></div>
</dl>`

/** Said before any plot: what a cost owner must not find out alone. */
const dearerList = ({ scenarios: [first], baselineAtList }: Report): Markup => {
  const rows = (first?.components ?? [])
    .filter(({ difference }) => difference > 0n)
    .toSorted((one, other) => Number(other.difference - one.difference))
  const less = (first?.serverless ?? 0n) - baselineAtList
  return html`<ul>${rows.map(({ component, difference }) => html`<li>${component}: ${signed(difference)}</li>`)}</ul>
<p>The baseline prices some engines below list price and has no line for NAT gateways, firewalls and keys. At list prices, and with those, it would be ${usd(baselineAtList)} for its ordinary load; serverless less that is ${signed(less)}.</p>`
}

const section = (plot: Plot | undefined, numbers: Markup): Markup =>
  plot === undefined
    ? html``
    : html`<section><h2>${plot.title}</h2>
<figure><div class="plot" role="img" aria-label="${plot.summary}" tabindex="0">${raw(plot.svg)}</div>
<figcaption>${plot.summary}</figcaption></figure>
<details><summary>The numbers</summary>${numbers}</details></section>`

const table = (
  caption: string,
  head: readonly string[],
  rows: readonly (readonly string[])[],
  left: readonly number[] = [0],
): Markup => html`<div class="scroll" tabindex="0" role="region" aria-label="${caption}"><table>
<caption>${caption}</caption>
<thead><tr>${head.map((title, index) => html`<th scope="col" class="${left.includes(index) ? '' : 'number'}">${title}</th>`)}</tr></thead>
<tbody>${rows.map(
  (row) =>
    html`<tr>${row.map((cell, index) => (index === 0 ? html`<th scope="row">${cell}</th>` : html`<td class="${left.includes(index) ? '' : 'number'}">${cell}</td>`))}</tr>`,
)}</tbody></table></div>`

const scenarioTables = ({ scenarios }: Report): Markup =>
  html`${scenarios.map(({ title, components, baseline, serverless }) =>
    table(
      title,
      ['Component', 'EKS baseline', 'Serverless', 'Difference'],
      [
        ...components.map((row) => [
          row.component,
          usd(row.baseline),
          usd(row.serverless),
          signed(row.difference),
        ]),
        ['total', usd(baseline), usd(serverless), signed(serverless - baseline)],
      ],
    ),
  )}`

const perLearnerTable = ({ scenarios }: Report): Markup =>
  table(
    'Cost per active learner',
    ['Scenario', 'Active learners', 'EKS baseline', 'Serverless'],
    scenarios.map(({ name, activeLearners, baseline, serverless }) => [
      name,
      activeLearners.toLocaleString('en'),
      perLearner(baseline, activeLearners),
      perLearner(serverless, activeLearners),
    ]),
  )

const EVERY = 4

const breakEvenTable = ({ breakEven: { points } }: Report): Markup =>
  table(
    'Functions against nodes',
    ['Requests a month', 'Functions', 'Nodes'],
    points
      .filter((_point, index) => index % EVERY === 0)
      .map(({ requests, functions, nodes }) => [
        number(new Big(requests)),
        usd(functions),
        usd(nodes),
      ]),
  )

const sensitivityTable = ({ sensitivities }: Report): Markup =>
  table(
    'Change of the bill',
    ['Number', 'Kind', 'With half of it', 'With twice of it'],
    sensitivities.map(({ name, kind, half, twice }) => [
      words(name),
      kind,
      signed(half),
      signed(twice),
    ]),
    [0, 1],
  )
