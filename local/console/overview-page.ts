import { html } from 'hono/html'
import type { LambdaStats } from '../lambda/lambda.ts'
import { functionKeyOf } from '../template/template.ts'
import {
  badge,
  type Cell,
  code,
  empty,
  figure,
  list,
  live,
  type Markup,
  page,
  table,
  tiles,
} from './layout.ts'
import type { Parts, Sample } from './parts.ts'

/** The page for a person who comes by: what runs, who can sign in, what there is to see. */
export const overviewPage = ({
  parts: { url, template, lambda },
  sample,
  behind,
  parked,
}: {
  parts: Pick<Parts, 'url' | 'template' | 'lambda'>
  sample: Sample | undefined
  /** Records that no consumer has taken yet. */
  behind: number
  parked: number
}): string => {
  const stats = lambda.stats()
  const all = Object.values(stats.functions)
  const failures = all.reduce((sum, one) => sum + one.errors, 0)
  return page({
    title: 'Overview',
    section: '/_hub',
    isLive: true,
    body: html`<p><a href="/docs">API documentation</a> · <a href="/openapi.json">openapi.json</a> ·
      <a href="/_hub/mail">sent mail</a> · <a href="/health">health</a></p>
    ${live(
      'sums',
      tiles([
        {
          name: 'running now',
          value: all.reduce((sum, one) => sum + one.running, 0),
          href: '/_hub/functions',
        },
        { name: 'failed calls', value: failures, href: '/_hub/functions', isBad: failures > 0 },
        { name: 'records behind', value: behind, href: '/_hub/events' },
        { name: 'parked records', value: parked, href: '/_hub/dead-letters', isBad: parked > 0 },
      ]),
    )}
    ${sample ? sampleSection(sample) : empty('There is no sample course (yet): an empty hub fills itself in the background after its first start.')}
    <h2>Services</h2>${live('services', servicesTable(template, stats))}
    <h2>Other functions</h2>${live('others', othersTable(template, stats))}
    <h2>Workflows</h2>${list(
      template.stateMachines.map(
        ({ name }) => html`<a href="/_hub/workflows#machine-${name}">${code(name)}</a>`,
      ),
    )}
    <p class="dim">This hub answers at ${url}.</p>`,
  })
}

const sampleSection = ({ accounts, links }: Sample): Markup => html`
    <h2>Look around</h2>
    ${list(links.map(({ title, url }) => html`<a href="${url}">${title}</a>`))}
    <h2>Sample accounts</h2>
    ${table(
      'Sample accounts',
      ['name', 'role', 'address', 'password'],
      accounts.map(({ name, role, email, password }) => [name, role, code(email), code(password)]),
    )}`

const servicesTable = (template: Parts['template'], stats: LambdaStats): Markup =>
  table(
    'Services',
    ['service', 'prefix', 'health', figure('environments'), figure('calls')],
    template.listenerRules.map((rule) => {
      const name = rule.targetGroup.functionName
      const path = rule.conditions.find(({ field }) => field === 'path')?.values[0]
      return [functionKeyOf(name), code(String(path)), ...health(stats, name)]
    }),
  )

const othersTable = (template: Parts['template'], stats: LambdaStats): Markup => {
  const serving = new Set(template.listenerRules.map((rule) => rule.targetGroup.functionName))
  return table(
    'Other functions',
    ['function', 'health', figure('environments'), figure('calls')],
    template.functions
      .filter(({ name }) => !serving.has(name))
      .map(({ name }) => [functionKeyOf(name), ...health(stats, name)]),
  )
}

/** A function that has not been called is healthy: it starts at its first call. */
const health = (stats: LambdaStats, name: string): Cell[] => {
  const of = stats.functions[name]
  const failures = of?.errors ?? 0
  const verdict = failures === 0 ? badge('good', 'ok') : badge('bad', `${failures} failed`)
  return [verdict, String(of?.environments ?? 0), String(of?.invocations ?? 0)]
}
