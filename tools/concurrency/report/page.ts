import { html } from 'hono/html'
import type { FunctionPlan } from '../plan/plan.ts'
import {
  change,
  dollars,
  figure,
  modelNotes,
  outline,
  peak,
  type Study,
  share,
  warnings,
} from './study.ts'
import { calledOf, costOf } from './terminal.ts'

type Markup = ReturnType<typeof html>

const ROW_PX = 22
const LABEL_PX = 230
const PLOT_PX = 620
const CURVE_POINTS = 240
const CURVE_HEIGHT_PX = 140

/** The study as one page that needs nothing beside itself. */
export const htmlReport = (study: Study): string => {
  const called = calledOf(study.plan.functions)
  const { now, proposed } = study.plan
  const { connections } = study
  return String(html`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Concurrency · ${study.traffic.name}</title>
<style>
  :root { color-scheme: light dark; --line: color-mix(in srgb, currentColor 18%, transparent);
    --used: light-dark(#1f5fa8, #7fb2ee); --room: light-dark(#b9cfe8, #33506f); --burst: light-dark(#a03c00, #ffae73) }
  body { font: 15px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem }
  table { border-collapse: collapse } .wide { overflow-x: auto }
  th, td { text-align: right; padding: .25rem .6rem; border-bottom: 1px solid var(--line); white-space: nowrap }
  th:first-child, td:first-child, td.left { text-align: left }
  svg text { fill: currentColor; font: 12px system-ui, sans-serif }
</style>
<h1>Concurrency: ${study.traffic.name}</h1>
${study.traffic.notes.map((note) => html`<p>${note}</p>`)}
<p>${study.durations}</p>
<h2>What must change, first things first</h2>
${
  study.findings.length === 0
    ? html`<p>Nothing must change.</p>`
    : html`<ol>${study.findings.map(({ what, usdPerMonth }) => html`<li>${what} ${costOf(usdPerMonth)}</li>`)}</ol>`
}
<h2>Demand, burst and what is needed</h2>
${bars(called)}
${curve(study, called)}
<h2>Functions</h2>
<div class="wide" tabindex="0" role="region" aria-label="Functions"><table>
<tr>${[
    ...['function', 'kind', 'calls/s, peak', 'mean ms', 'erlangs', 'burst', 'needed'],
    ...[
      'reserved = most',
      'warm',
      'throttled now',
      'proposed',
      'cold, worst minute now',
      'proposed',
      'warm, a month',
    ],
  ].map((head) => html`<th>${head}</th>`)}</tr>
${called.map(
  (one) => html`<tr><td>${one.of.key}</td><td class="left">${one.of.kind}</td>
${[
  peak(one),
  ...[one.isMeasured ? figure(one.meanMs) : '?', figure(one.demand.load)],
  ...[figure(one.demand.burst), String(one.needed)],
  change(one.now.reserved, one.proposed.reserved),
  change(one.now.provisioned, one.proposed.provisioned),
  ...[share(one.now.throttled), share(one.proposed.throttled)],
  ...[share(one.now.cold.worstMinuteShare), share(one.proposed.cold.worstMinuteShare)],
  dollars(one.proposed.usdPerMonth),
].map((cell) => html`<td>${cell}</td>`)}</tr>`,
)}</table></div>
${warnings(study).map((warning) => html`<p>Warning: ${warning}</p>`)}
<h2>What they share</h2>
<ul>
<li>Account: ${study.targets.account} at once. Now ${now.reserved} are reserved or warm, and the others throttle ${share(now.throttled)} (in the worst moment
${share(now.throttledMost)}); as proposed ${proposed.reserved} and ${share(proposed.throttled)} (${share(proposed.throttledMost)}).</li>
<li>Database ${connections.instanceClass}: ${connections.needed} of ${connections.limit} connections through the proxy at the peak.</li>
</ul>
<table><tr><th>topic</th><th>consumer group</th><th>partitions</th><th>events/s</th><th>erlangs</th><th>records a batch</th></tr>
${study.consumption.map(
  (one) => html`<tr><td>${one.topic}</td><td class="left">${one.group}</td>
${[one.partitions, figure(one.eventsPerSecond), figure(one.load), one.recordsPerBatch].map((cell) => html`<td>${cell}</td>`)}</tr>`,
)}</table>
<h2>How it is reckoned</h2>
<ul>${modelNotes(study.targets).map((note) => html`<li>${note}</li>`)}</ul>
`)
}

/** One bar a function: demand in what is needed, and a mark for the burst. */
const bars = (called: readonly FunctionPlan[]): Markup => {
  const busy = called.filter(({ demand }) => demand.load > 0)
  const most = Math.max(1, ...busy.map((one) => Math.max(one.needed, one.demand.burst)))
  const width = (value: number) => ((value / most) * PLOT_PX).toFixed(1)
  const height = busy.length * ROW_PX
  return html`<svg viewBox="0 0 ${LABEL_PX + PLOT_PX + 60} ${height}" width="100%" role="img"
  aria-label="Demand and needed concurrency of each function">
${busy.map((one, row) => {
  const [top, right] = [row * ROW_PX + 4, LABEL_PX + Number(width(one.needed)) + 6]
  return html`<text x="0" y="${top + 11}">${one.of.key}</text>
<rect x="${LABEL_PX}" y="${top}" width="${width(one.needed)}" height="14" fill="var(--room)"/>
<rect x="${LABEL_PX}" y="${top}" width="${width(one.demand.load)}" height="14" fill="var(--used)"/>
<rect x="${LABEL_PX + Number(width(one.demand.burst))}" y="${top - 2}" width="2" height="18" fill="var(--burst)"/>
<text x="${right}" y="${top + 11}">${figure(one.demand.load)} of ${one.needed}</text>`
})}</svg>
<p>Dark: erlangs at the peak. Light: needed. Mark: burst.</p>`
}

const curve = ({ traffic }: Study, called: readonly FunctionPlan[]): Markup => {
  const [busiest] = called.filter(({ of }) => of.kind === 'door')
  if (!busiest) return html``
  const points = outline(traffic, busiest.of.key, CURVE_POINTS)
  const most = Math.max(...points)
  const width = LABEL_PX + PLOT_PX
  const line = points
    .map((value, index) => {
      const x = (index / Math.max(1, points.length - 1)) * width
      return `${x.toFixed(1)},${(CURVE_HEIGHT_PX - (value / most) * (CURVE_HEIGHT_PX - 8)).toFixed(1)}`
    })
    .join(' ')
  return html`<h3>${busiest.of.key}, calls a second over the profile (up to ${figure(most)})</h3>
<svg viewBox="0 0 ${width} ${CURVE_HEIGHT_PX}" width="100%" role="img" aria-label="Calls a second over the profile">
<polyline points="${line}" fill="none" stroke="var(--used)" stroke-width="2"/></svg>`
}
