import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { exportJWK, generateKeyPair } from 'jose'
import { parse, stringify } from 'yaml'
import * as z from 'zod'
import {
  aPerson,
  aSigningKey,
  type Behind,
  PUBLIC_URL,
  startBehind,
} from '../../../eks-workloads/gateway/fixtures/hub.ts'
import { producersHeard } from '../../../eks-workloads/gateway/reactions.ts'
import { freePort } from '../../../local/free-port.ts'
import { ensureEventLog } from '../../../shared/bus/embedded/ensure.ts'
import { busSchema, openBus } from '../../../shared/bus/open.ts'
import { topicOf } from '../../../shared/events/topics.ts'
import { silentLog } from '../../../shared/observe/logger.ts'
import { ROLE_PASSWORD, useDatabase } from '../../support/database.ts'
import { debianProgram, run } from '../../support/engines/toolbox.ts'
import { eventually } from '../../support/eventually.ts'
import { type Series, seriesOf } from './exposition.ts'
import { type Read, readsOf, TARGET_LABELS, withoutVariables } from './promql.ts'

// Rules and dashboards of the pods: valid for Prometheus, tested at their edges, and about metrics and labels that a running
// gateway really shows.

const root = fileURLToPath(new URL('../../..', import.meta.url))
const folder = join(root, 'eks-workloads/observability')
const page = join(root, 'docs/operations/dashboards.md')

const rulesSchema = z.object({
  groups: z.array(
    z.object({
      rules: z.array(
        z.object({
          alert: z.string().optional(),
          record: z.string().optional(),
          expr: z.string(),
          labels: z.object({ severity: z.enum(['page', 'ticket']) }).optional(),
        }),
      ),
    }),
  ),
})

const dashboardSchema = z.object({
  panels: z.array(
    z.object({ title: z.string(), targets: z.array(z.object({ expr: z.string() })).min(1) }),
  ),
  templating: z.object({
    list: z.array(z.object({ query: z.union([z.string(), z.object({ query: z.string() })]) })),
  }),
})

const database = useDatabase()
let behind: Behind
let gateway: ChildProcess
let scraped: readonly Series[]
let promtool: string
let temporary: string
let rules: z.output<typeof rulesSchema>['groups'][number]['rules']
let dashboards: readonly (z.output<typeof dashboardSchema> & { readonly file: string })[]

beforeAll(async () => {
  promtool = await debianProgram('promtool', ['prometheus'])
  temporary = await mkdtemp(join(tmpdir(), 'hub-prometheus-'))
  rules = rulesSchema
    .parse(parse(await readFile(join(folder, 'rules.yaml'), 'utf8')))
    .groups.flatMap((group) => group.rules)
  const files = await readdir(join(folder, 'dashboards'))
  dashboards = await Promise.all(
    files.map(async (file) => ({
      file,
      ...dashboardSchema.parse(
        JSON.parse(await readFile(join(folder, 'dashboards', file), 'utf8')),
      ),
    })),
  )
  scraped = seriesOf(await scrape())
})
afterAll(async () => {
  gateway?.kill('SIGKILL')
  await behind?.close()
  await rm(temporary, { recursive: true, force: true })
})

/** Starts a gateway, lets it answer and refuse, and reads its metrics as Prometheus does. */
const scrape = async (): Promise<string> => {
  const eventLogUrl = await ensureEventLog({
    databaseUrl: database.url,
    rolePassword: ROLE_PASSWORD,
  })
  const bus = await openBus(busSchema.parse({ EVENT_LOG_URL: eventLogUrl }), { log: silentLog })
  await bus.ensureTopics(producersHeard.map(topicOf), { partitions: 1 })
  await bus.close()
  const pair = await generateKeyPair('EdDSA', { extractable: true })
  behind = await startBehind({ ...(await exportJWK(pair.publicKey)), kid: 'internal' })
  const key = await aSigningKey('key-1')
  behind.keys = [key.jwk]
  const [port, metricsPort] = [await freePort(), await freePort()]
  gateway = spawn(process.execPath, [join(root, 'eks-workloads/gateway/server.ts')], {
    env: {
      INTERNAL_URL: behind.url,
      PUBLIC_URL,
      INTERNAL_SIGNING_KEY: JSON.stringify({
        ...(await exportJWK(pair.privateKey)),
        kid: 'internal',
      }),
      EVENT_LOG_URL: eventLogUrl,
      HOST: '127.0.0.1',
      PORT: String(port),
      METRICS_PORT: String(metricsPort),
    },
    stdio: 'ignore',
  })
  const url = `http://127.0.0.1:${port}`
  await eventually(async () => expect((await fetch(`${url}/ready`)).status).toBe(200), {
    timeoutMs: 30_000,
  })
  expect((await fetch(`${url}/v1/courses`)).status).toBe(401)
  const headers = { authorization: `Bearer ${await key.sign(aPerson())}` }
  expect((await fetch(`${url}/v1/courses`, { headers })).status).toBe(200)
  const answer = await fetch(`http://127.0.0.1:${metricsPort}/metrics`)
  expect(answer.headers.get('content-type')).toContain('version=0.0.4')
  return answer.text()
}

/** What a query asks for that no scrape of a gateway, and no rule, has. */
const missing = (query: string): readonly string[] =>
  readsOf(query).flatMap(({ name, labels }: Read) => {
    const isRecorded = rules.some(({ record }) => record === name)
    if (isRecorded || name === 'up') return []
    const series = scraped.find((each) => each.name === name)
    if (!series) return [`${name} is not scraped`]
    return labels
      .filter((label) => !TARGET_LABELS.includes(label) && !series.labels.has(label))
      .map((label) => `${name} has no label ${label}`)
  })

describe('what a gateway tells', () => {
  it('is its own and its process’s metrics', () => {
    const names = scraped.map(({ name }) => name)
    expect(names).toEqual(
      expect.arrayContaining([
        ...['gateway_request_duration_seconds_bucket', 'gateway_refusals_total'],
        ...['process_memory_limit_bytes', 'process_cpu_seconds_total'],
      ]),
    )
  })

  it.each([
    ['rate(gateway_requests_total[5m])', 'gateway_requests_total is not scraped'],
    ['gateway_refusals_total{reason="x"}', 'gateway_refusals_total has no label reason'],
    ['sum(up) / max by (pod) (process_open_files{pod="x"})', 'process_open_files is not scraped'],
  ])('is not what %s asks for', (query, words) => {
    expect(missing(query)).toEqual([words])
  })
})

describe('the rules', () => {
  it('are valid and hold at their edges', async () => {
    await run(promtool, ['check', 'rules', join(folder, 'rules.yaml')])
    await run(promtool, ['test', 'rules', join(folder, 'rules.test.yaml')])
  })

  it('would fail their tests with another threshold', async () => {
    const text = await readFile(join(folder, 'rules.yaml'), 'utf8')
    await writeFile(join(temporary, 'rules.yaml'), text.replace('> 0.85', '> 0.86'))
    const tests = await readFile(join(folder, 'rules.test.yaml'), 'utf8')
    await writeFile(join(temporary, 'rules.test.yaml'), tests)
    await expect(
      run(promtool, ['test', 'rules', join(temporary, 'rules.test.yaml')]),
    ).rejects.toThrow('PodMemory')
  })

  it('ask for what is scraped, and each alert is tested and explained', async () => {
    expect(rules.flatMap(({ expr }) => missing(expr))).toEqual([])
    const tests = await readFile(join(folder, 'rules.test.yaml'), 'utf8')
    const explained = await readFile(page, 'utf8')
    const alerts = rules.flatMap(({ alert }) => alert ?? [])
    expect(alerts.length).toBeGreaterThan(8)
    expect(alerts.filter((name) => !tests.includes(`alertname: ${name}\n`))).toEqual([])
    expect(alerts.filter((name) => !explained.includes(`| \`${name}\` |`))).toEqual([])
    expect(rules.filter(({ alert, labels }) => alert && !labels)).toEqual([])
  })

  it('are read by a configuration that is valid', async () => {
    const configuration = parse(await readFile(join(folder, 'prometheus.yaml'), 'utf8'))
    // Debian's promtool is built without Kubernetes, whose part is replaced; the relabelling stays.
    for (const job of configuration.scrape_configs) {
      expect(job.kubernetes_sd_configs).toEqual([
        { role: 'pod', namespaces: { names: ['backend-staging', 'backend-prod'] } },
      ])
      delete job.kubernetes_sd_configs
      const added = job.relabel_configs.flatMap(
        (each: { target_label?: string }) => each.target_label ?? [],
      )
      expect(added).toEqual(TARGET_LABELS.filter((label) => !['job', 'instance'].includes(label)))
    }
    await writeFile(join(temporary, 'prometheus.yaml'), stringify(configuration))
    await writeFile(join(temporary, 'rules.yaml'), await readFile(join(folder, 'rules.yaml')))
    await run(promtool, ['check', 'config', join(temporary, 'prometheus.yaml')])
  })
})

describe('the dashboards of pods', () => {
  const queries = () => dashboards.flatMap(({ panels }) => panels.flatMap(({ targets }) => targets))

  it('ask what Prometheus understands', async () => {
    const asRules = (expressions: readonly string[]) => ({
      groups: [
        {
          name: 'panels',
          rules: expressions.map((expr, index) => ({ record: `p:${index}`, expr })),
        },
      ],
    })
    const check = async (expressions: readonly string[]) => {
      const file = join(temporary, 'panels.yaml')
      await writeFile(file, stringify(asRules(expressions)))
      return run(promtool, ['check', 'rules', file])
    }
    const expressions = queries().map(({ expr }) => withoutVariables(expr))
    expect(expressions.length).toBeGreaterThan(10)
    await check(expressions)
    await expect(check([...expressions, 'sum by (pod) rate(up[5m]'])).rejects.toThrow('parse')
  })

  it('ask for what is scraped', () => {
    expect(queries().flatMap(({ expr }) => missing(expr))).toEqual([])
    const variables = dashboards.flatMap(({ templating }) =>
      templating.list.flatMap(({ query }) => (typeof query === 'string' ? [] : query.query)),
    )
    expect(variables.flatMap(missing)).toEqual([])
    expect(variables.length).toBeGreaterThan(2)
  })
})
