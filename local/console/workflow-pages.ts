import { html } from 'hono/html'
import { graphOf } from './graph.ts'
import { graphSvg, SIGNS } from './graph-svg.ts'
import {
  badge,
  code,
  duration,
  empty,
  facts,
  figure,
  json,
  live,
  type Markup,
  page,
  type Tone,
  table,
  time,
  traceLink,
} from './layout.ts'
import { traceIdIn } from './log-ring.ts'
import type { Redact } from './redact.ts'
import type { Visit, VisitStatus } from './visits.ts'
import { type ExecutionDetails, type ExecutionSummary, HISTORY_READ_MAX } from './workflows.ts'

export const EXECUTIONS_SHOWN_MAX = 50

const section = '/_hub/workflows'

const executionPath = (machine: string, name: string): string =>
  `${section}/${encodeURIComponent(machine)}/${encodeURIComponent(name)}`

export const workflowsPage = (
  machines: readonly { name: string; executions: readonly ExecutionSummary[] }[],
): string =>
  page({
    title: 'Workflows',
    section,
    isLive: true,
    body: html`${machines.length === 0 ? empty('There are no state machines.') : ''}
    ${machines.map(
      ({ name, executions }) => html`<h2>${name}</h2>
      ${live(`machine-${name}`, executions.length === 0 ? empty('No execution yet.') : executionsTable(name, executions))}`,
    )}`,
  })

const executionsTable = (machine: string, executions: readonly ExecutionSummary[]): Markup =>
  html`${table(
    `Executions of ${machine}`,
    ['execution', 'state', 'started', figure('took')],
    executions.map(({ name, status, startedAt, stoppedAt }) => [
      html`<a href="${executionPath(machine, name)}">${name}</a>`,
      executionBadge(status),
      time(startedAt),
      duration(stoppedAt && stoppedAt.getTime() - startedAt.getTime()),
    ]),
  )}${executions.length === EXECUTIONS_SHOWN_MAX ? html`<p class="dim">The newest ${EXECUTIONS_SHOWN_MAX} are shown.</p>` : ''}`

const TONES: Readonly<Record<string, Tone>> = {
  RUNNING: 'busy',
  SUCCEEDED: 'good',
  FAILED: 'bad',
  TIMED_OUT: 'bad',
  ABORTED: 'calm',
}

const executionBadge = (status: string): Markup =>
  badge(TONES[status] ?? 'calm', status.toLowerCase().replace('_', ' '))

/** One execution: its machine as a graph, and each stay in a state with what went in and came out. */
export const executionPage = (
  machine: string,
  execution: ExecutionDetails,
  { redact }: { redact: Redact },
): string => {
  const { definition, visits, startedAt, stoppedAt } = execution
  const isRunning = execution.status === 'RUNNING'
  const graph = graphSvg(graphOf(definition), visits, 'State machine')
  return page({
    title: execution.name,
    section,
    isLive: isRunning,
    body: html`${live(
      'facts',
      facts([
        ['state', executionBadge(execution.status)],
        ['machine', code(machine)],
        ['started', time(startedAt)],
        ['took', duration(stoppedAt && stoppedAt.getTime() - startedAt.getTime())],
        ['trace', traceLink(traceIn(execution.input))],
        ...(execution.error ? [['error', redact(execution.error)] as const] : []),
        ...(execution.cause ? [['cause', redact(execution.cause)] as const] : []),
      ]),
    )}
    <div class="split">
    <section aria-labelledby="graph-title"><h2 id="graph-title">Graph</h2>${live('graph', graph)}
    <p class="dim">Solid lines are the ordinary course, dashed ones follow an error; thick ones were taken.</p></section>
    <section aria-labelledby="states-title"><h2 id="states-title">States</h2>
    ${live('visits', visits.length === 0 ? empty('It waits for its turn.') : visitsTable(visits))}
    ${execution.isCut ? html`<p class="dim">The history is long: its newest ${HISTORY_READ_MAX} events are shown.</p>` : ''}</section>
    </div>
    <h2>Inputs and outputs</h2>
    ${live(
      'data',
      html`${dataOf('Execution', execution.input, execution.output, redact)}
      ${visits.map((visit, at) => visitData(visit, at + 1, redact))}`,
    )}`,
  })
}

const VISIT_TONES: Readonly<Record<VisitStatus, Tone>> = {
  running: 'busy',
  succeeded: 'good',
  failed: 'bad',
  caught: 'bad',
  stopped: 'calm',
}

const wordOf = (status: VisitStatus): string => SIGNS[status].replace(/^\W+/, '')

const visitsTable = (visits: readonly Visit[]): Markup =>
  table(
    'States, in the order in which they were entered',
    ['state', 'how it went', figure('tries'), figure('took'), 'entered'],
    visits.map((visit, at) => [
      html`<a href="#visit-${at + 1}">${visit.state}</a>`,
      badge(VISIT_TONES[visit.status], wordOf(visit.status)),
      visit.attempts === 0 ? '–' : String(visit.attempts),
      duration(visit.leftAt && visit.leftAt.getTime() - visit.enteredAt.getTime()),
      time(visit.enteredAt),
    ]),
  )

const visitData = (visit: Visit, number: number, redact: Redact): Markup =>
  html`<div id="visit-${number}">${dataOf(`${number}. ${visit.state}`, visit.input, visit.output, redact, visit)}</div>`

const dataOf = (
  name: string,
  input: string,
  output: string | undefined,
  redact: Redact,
  visit?: Visit,
): Markup =>
  html`<details><summary>${name}${visit ? html` <span class="dim">${wordOf(visit.status)}</span>` : ''}</summary>
  ${(visit?.failures ?? []).map(
    ({ error, cause }, at) => html`<p><strong>Try ${at + 1} failed: ${redact(error)}</strong></p>
    ${cause === '' ? '' : json(`Cause of try ${at + 1} of ${name}`, redact(cause))}`,
  )}
  <h3>Input</h3>${json(`Input of ${name}`, redact(input))}
  <h3>Output</h3>${output === undefined ? empty('None (yet).') : json(`Output of ${name}`, redact(output))}</details>`

/** Our workflows are handed the `traceparent` of what started them. */
const traceIn = (input: string): string | undefined => {
  try {
    const given: unknown = JSON.parse(input)
    return typeof given === 'object' && given !== null && 'traceparent' in given
      ? traceIdIn(given.traceparent)
      : undefined
  } catch {
    return undefined
  }
}
