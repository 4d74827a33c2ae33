import { html } from 'hono/html'
import type { FunctionStats } from '../lambda/pool.ts'
import { functionKeyOf } from '../template/template.ts'
import { duration, empty, figure, live, type Markup, page, table, tiles } from './layout.ts'
import type { Parts } from './parts.ts'

/** Every function: what runs now against what may, and what has been since the hub started. */
export const functionsPage = ({ lambda }: Pick<Parts, 'lambda'>): string => {
  const { functions, queued, unreserved } = lambda.stats()
  const all = Object.entries(functions)
  const sum = (of: (one: FunctionStats) => number) =>
    all.reduce((total, [, one]) => total + of(one), 0)
  const throttles = sum((one) => one.throttles)
  return page({
    title: 'Functions',
    section: '/_hub/functions',
    isLive: true,
    body: html`${live(
      'sums',
      tiles([
        { name: 'running now', value: sum((one) => one.running) },
        { name: 'without a reserve', value: `${unreserved.running} of ${unreserved.max}` },
        { name: 'waiting, asynchronous', value: queued },
        { name: 'environments', value: sum((one) => one.environments) },
        { name: 'cold starts', value: sum((one) => one.coldStarts) },
        { name: 'throttles', value: throttles, isBad: throttles > 0 },
      ]),
    )}
    <p>Counts are since the hub started. A function without a reserve shares what the account has. Durations are of the handler.</p>
    ${live('functions', all.length === 0 ? empty('There are no functions.') : functionsTable(all))}
    <p><a href="/_hub/functions.json">The same as JSON</a></p>`,
  })
}

const functionsTable = (all: readonly (readonly [string, FunctionStats])[]): Markup =>
  table(
    'Functions',
    [
      ...['function', 'running / reserve'],
      ...[
        'kept warm',
        'most at once',
        'alive / idle',
        'calls',
        'cold starts',
        'throttles',
        'failed',
      ].map(figure),
      ...['p50', 'p99', 'waited p99'].map(figure),
    ],
    all
      .map(([name, one]) => [functionKeyOf(name), name, one] as const)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, name, one]) => [
        html`<a href="/_hub/logs?function=${name}">${key}</a>`,
        concurrency(key, one),
        one.provisioned === null ? '–' : String(one.provisioned),
        String(one.runningMax),
        `${one.environments} / ${one.idle}`,
        String(one.invocations),
        String(one.coldStarts),
        count(one.throttles),
        count(one.errors),
        duration(one.durationMs?.p50),
        duration(one.durationMs?.p99),
        duration(one.waitMs?.p99),
      ]),
  )

const concurrency = (key: string, { running, reserved }: FunctionStats): Markup =>
  reserved === null
    ? html`${running} <span class="dim">no reserve</span>`
    : html`${running} / ${reserved} <meter aria-label="${key}: ${running} of ${reserved}" min="0" max="${Math.max(reserved, 1)}" high="${reserved * 0.8}" value="${running}"></meter>`

const count = (number: number) =>
  number === 0 ? '0' : html`<strong class="bad">⚠ ${number}</strong>`
