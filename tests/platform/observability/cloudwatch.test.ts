import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, it } from '@jest/globals'
import { readPlatform } from '../../../tools/cost/design/sizes.ts'
import { readAssumptions } from '../../../tools/cost/inputs/assumptions.ts'
import { FUNCTIONS_FILE, functionVariables } from '../../../tools/terraform/function-variables.ts'
import { useDatabase } from '../../support/database.ts'
import { type Alarm, readApplied, type Widget } from './applied.ts'
import { emittedMetrics } from './emitted.ts'
import { complaint, type Metric } from './metric.ts'

// The alarms and dashboards that `npm run check:platform` has applied: every metric that they read is reported by AWS or by
// our own code as it runs, and the platform's list stands in them line by line.

const text = (path: string) =>
  readFileSync(fileURLToPath(new URL(`../../../${path}`, import.meta.url)), 'utf8')
const page = text('docs/operations/dashboards.md')
const functions: ReturnType<typeof functionVariables> = JSON.parse(
  text(`terraform/modules/observability/${FUNCTIONS_FILE}`),
)
const { alarms, dashboards } = readApplied(process.env.HUB_OBSERVABILITY ?? '')
const named = (kind: string) => alarms.filter(({ name }) => name === kind || isOf(name, kind))
const isOf = (name: string, kind: string) => name.startsWith(`${kind}-`)

const database = useDatabase()
let emitted: readonly Metric[]
beforeAll(async () => {
  emitted = await emittedMetrics(database.url)
})

describe('functions.json', () => {
  it('holds the functions of the stack; npm run terraform:functions', () => {
    expect(functions).toEqual(functionVariables())
    expect(Object.keys(functions.services).length).toBeGreaterThan(10)
  })
})

describe('metrics', () => {
  it('of ours are reported by the doors and by the publisher as they run', () => {
    const names = emitted.map(({ name, dimensions }) => `${dimensions.service} ${name}`)
    expect(names).toEqual(
      expect.arrayContaining([
        ...['outbox-publisher OutboxOldestWait', 'outbox-publisher Certificates'],
        ...['certificate Status4xx', 'certificate Status5xx', 'certificate EventsParked'],
      ]),
    )
  })

  it('of ours are as many as `npm run cost` counts', async () => {
    const assumed = await readAssumptions()
    const namesOf = (service: string, kind: RegExp) =>
      new Set(
        emitted
          .filter(({ name, dimensions }) => dimensions.service === service && kind.test(name))
          .map(({ name }) => name),
      )
    const counted = (name: string) => assumed.of(name).value.toNumber()
    expect(namesOf('outbox-publisher', /./).size).toBe(counted('publisherMetrics'))
    expect(namesOf('certificate', /^Events/).size).toBe(counted('doorMetrics'))
  })

  it.each([
    ['a name', { name: 'CpuUtilisation' }, 'nobody reports it'],
    ['a namespace', { namespace: 'AWS/Aurora' }, 'nobody reports it'],
    ['a dimension', { dimensions: { DBClusterIdentifier: 'x' } }, 'under other dimensions'],
    ['a value', { dimensions: { DBInstanceIdentifier: '' } }, 'without a value'],
  ])('are complained about where %s is wrong', (_, change, words) => {
    const metric: Metric = {
      namespace: 'AWS/RDS',
      name: 'CPUUtilization',
      dimensions: { DBInstanceIdentifier: 'x' },
    }
    expect(complaint(metric, emitted)).toBeUndefined()
    expect(complaint({ ...metric, ...change }, emitted)).toContain(words)
  })
})

const FIVE_MINUTES = { periods: 5, badPeriods: 5 }

describe('the alarms', () => {
  it('read nothing that nobody reports', () => {
    const read = alarms.flatMap(({ metrics }) => Object.values(metrics))
    expect(read.map((metric) => complaint(metric, emitted)).filter(Boolean)).toEqual([])
    expect(read.length).toBeGreaterThan(alarms.length)
  })

  it.each([
    ...[
      ['database-cpu', 80],
      ['cache-cpu', 80],
      ['events-cpu', 80],
      ['search-cpu', 80],
    ],
    ...[
      ['nodes-cpu', 80],
      ['database-memory', 85],
      ['cache-memory', 85],
      ['events-memory', 85],
    ],
    ...[
      ['search-memory', 85],
      ['nodes-memory', 85],
      ['balancer-errors', 1],
      ['errors', 1],
    ],
    ...[
      ['proxy-connections', 90],
      ['database-connections', 90],
      ['proxy-pinned', 20],
    ],
    ...[
      ['outbox-wait', 300],
      ['lag', 300],
      ['throttles', 0],
    ],
  ] as [string, number][])('%s: more than %d for five minutes', (kind, threshold) => {
    expect(named(kind).length).toBeGreaterThan(0)
    for (const alarm of named(kind)) {
      expect(alarm).toMatchObject({ ...FIVE_MINUTES, threshold, comparison: OVER })
      expect(new Set(alarm.periodSeconds)).toEqual(new Set([60]))
    }
  })

  it.each(['dead-letters', 'workflow-failures'])('%s: one is enough', (kind) => {
    expect(named(kind).length).toBeGreaterThan(0)
    for (const alarm of named(kind))
      expect(alarm).toMatchObject({ threshold: 0, badPeriods: 1, comparison: OVER })
  })

  it('watch every service, consumer and workflow', () => {
    const { services, workflows } = functions
    const consumers = Object.entries(services).filter(
      ([, { subscriptions }]) => subscriptions.length > 0,
    )
    const wanted = [
      ...Object.keys(services).flatMap((name) => [`errors-${name}`, `throttles-${name}`]),
      ...consumers.flatMap(([name]) => [`lag-${name}`, `dead-letters-${name}`]),
      ...Object.keys(workflows).flatMap((name) => [
        `workflow-failures-${name}`,
        `throttles-${name}-workflow`,
      ]),
    ]
    expect(wanted.filter((name) => !alarms.some((alarm) => alarm.name === name))).toEqual([])
  })

  it('are billed by as many metrics as `npm run cost` counts', async () => {
    const read = alarms.flatMap(({ metrics }) => Object.values(metrics))
    expect((await readPlatform('prod')).alarmMetrics).toBe(read.length)
  })

  it('compute from what they read, all of it and nothing else', () => {
    expect(alarms.flatMap(expressionComplaints)).toEqual([])
    const [alarm] = named('proxy-connections')
    if (!alarm) throw new Error('there is no such alarm')
    expect(expressionComplaints({ ...alarm, expression: '100 * open / permitted' })).toEqual([
      'proxy-connections: permitted is no metric of it',
      'proxy-connections: allowed is not used',
    ])
  })

  it('are each explained, with what to do', () => {
    const silent = alarms
      .map(({ description }) => /dashboards\.md, (.+)\.$/.exec(description)?.[1] ?? '')
      .filter((kind) => kind === '' || !page.includes(`| \`${kind}\` |`))
    expect([...new Set(silent)]).toEqual([])
  })
})

const OVER = 'GreaterThanThreshold'
const FUNCTIONS = ['SUM', 'MAX', 'FILL', 'METRICS']

const expressionComplaints = ({ name, expression, metrics }: Alarm): string[] => {
  const ids = Object.keys(metrics)
  if (!expression) return ids.length === 1 ? [] : [`${name}: several metrics and no expression`]
  const words: readonly string[] = expression.match(/[A-Za-z]\w*/g) ?? []
  const isAll = words.includes('METRICS')
  return [
    ...words
      .filter((word) => !FUNCTIONS.includes(word) && !ids.includes(word))
      .map((word) => `${name}: ${word} is no metric of it`),
    ...ids.filter((id) => !isAll && !words.includes(id)).map((id) => `${name}: ${id} is not used`),
  ]
}

describe('the dashboards', () => {
  const all = [...dashboards].flatMap(([name, widgets]) =>
    widgets.map((widget) => ({ name, ...widget })),
  )

  it('are there for operations, services and business, explained, and on the bill', async () => {
    const names = [...dashboards.keys()].map((name) => name.replace(/^learning-hub-\w+-/, ''))
    expect(names.toSorted()).toEqual(['business', 'operations', 'services'])
    expect((await readPlatform('prod')).dashboards).toBe(names.length)
    for (const name of names) expect(page).toContain(`| \`${name}\` |`)
  })

  it('show nothing that nobody reports', () => {
    const shown = all.flatMap(({ metrics }) => metrics)
    expect(shown.map((metric) => complaint(metric, emitted)).filter(Boolean)).toEqual([])
    expect(shown.length).toBeGreaterThan(300)
  })

  it('show every function, every alarm and all that the business counts', () => {
    const shown = JSON.stringify(all)
    const lambdas = [...Object.values(functions.services)].flatMap((service) => service.functions)
    const steps = Object.values(functions.workflows).flat()
    expect([...lambdas, ...steps].filter((name) => !shown.includes(`-${name}"`))).toEqual([])
    expect(alarms.filter(({ arn }) => !shown.includes(arn)).map(({ name }) => name)).toEqual([])
    for (const name of ['Enrolments', 'Completions', 'Transcodes', 'Certificates'])
      expect(shown).toContain(`"${name}"`)
  })

  it('fit into the grid and into the limits of CloudWatch', () => {
    for (const widgets of dashboards.values()) expect(gridComplaints(widgets)).toEqual([])
    const [first, ...others] = all
    if (!first) throw new Error('there is no widget')
    expect(gridComplaints([first, { ...first, title: 'above' }])).toHaveLength(1)
    expect(gridComplaints([{ ...first, x: 20 }, ...others.slice(0, 0)])).toHaveLength(1)
  })
})

const COLUMNS = 24
const ALARMS_MAX = 100
const METRICS_MAX = 500
const WIDGETS_MAX = 500

const gridComplaints = (widgets: readonly Widget[]): string[] => [
  ...(widgets.length > WIDGETS_MAX ? [`${widgets.length} widgets`] : []),
  ...widgets
    .filter(({ x, width }) => x + width > COLUMNS)
    .map(({ title }) => `${title} is too far right`),
  ...widgets
    .filter(({ alarms, metrics }) => alarms.length > ALARMS_MAX || metrics.length > METRICS_MAX)
    .map(({ title }) => `${title} holds too much`),
  ...widgets
    .filter(({ alarms, metrics }) => alarms.length + metrics.length === 0)
    .map(({ title }) => `${title} is empty`),
  ...widgets.flatMap((one, index) =>
    widgets
      .slice(index + 1)
      .filter((other) => overlap(one, other))
      .map((other) => `${one.title} covers ${other.title}`),
  ),
]

const overlap = (one: Widget, other: Widget): boolean =>
  one.x < other.x + other.width &&
  other.x < one.x + one.width &&
  one.y < other.y + other.height &&
  other.y < one.y + one.height
