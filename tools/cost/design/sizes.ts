import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as z from 'zod'
import { type Value, value } from '../bill/formula.ts'
import { readYaml } from '../inputs/yaml.ts'

export const TERRAFORM = fileURLToPath(new URL('../../../terraform', import.meta.url))
export const STAGES = ['staging', 'prod'] as const
export type Stage = (typeof STAGES)[number]

const count = z.number().int().min(0)
const sizesSchema = z.looseObject({
  network: z.looseObject({ nat_gateways: count }),
  database: z.looseObject({
    instance_class: z.string(),
    storage_gb: count,
    is_multi_az: z.boolean(),
    replica_instance_class: z.string(),
    replicas: z.array(z.string()),
    has_regional_backups: z.boolean(),
  }),
  cache: z.looseObject({ node_type: z.string(), shards: count, replicas: count }),
  events: z.looseObject({ instance_type: z.string(), brokers: count, storage_gb: count }),
  search: z.looseObject({
    instance_type: z.string(),
    instances: count,
    master_instance_type: z.string(),
    masters: count,
    storage_gb: count,
  }),
  cluster: z.looseObject({
    node_groups: z.record(
      z.string(),
      z.looseObject({
        instance_types: z.array(z.string()).min(1),
        nodes_min: count,
        nodes_max: count,
        disk_gb: count,
        is_dedicated: z.boolean(),
      }),
    ),
  }),
  observability: z.looseObject({ trace_share: z.number().min(0).max(1) }),
  budget: z.looseObject({ monthly_usd: z.number(), anomaly_usd: z.number() }),
})

export type Sizes = z.output<typeof sizesSchema>

/** What Terraform makes: the sizes of a stage, and what its modules make whatever the sizes are. */
export type Platform = {
  readonly stage: Stage
  readonly sizes: Sizes
  readonly topics: number
  readonly secrets: number
  readonly keys: number
  readonly firewalls: number
  readonly firewallRules: number
  readonly balancers: number
  readonly publicAddresses: number
  /** Kafka's metrics beyond the free ones are paid for, by topic and broker. */
  readonly hasTopicMetrics: boolean
  /** Metrics that the alarms of terraform/modules/observability read; one that several read is paid for by each. */
  readonly alarmMetrics: number
  readonly dashboards: number
}

export const readPlatform = async (stage: Stage, terraform = TERRAFORM): Promise<Platform> => {
  const environment = join(terraform, 'environments', stage)
  const { sizes } = await readYaml(
    join(environment, 'sizes.auto.tfvars.json'),
    z.strictObject({ sizes: sizesSchema }),
  )
  const { topics } = await readYaml(
    join(environment, 'topics.auto.tfvars.json'),
    z.strictObject({ topics: z.record(z.string(), z.unknown()) }),
  )
  const [main, secrets, firewall, balancers, variables, events, functions, dashboards] =
    await Promise.all(
      [
        join(terraform, 'modules/platform/main.tf'),
        join(terraform, 'modules/secrets/main.tf'),
        join(terraform, 'modules/edge/firewall.tf'),
        join(terraform, 'modules/balancers/main.tf'),
        join(terraform, 'modules/platform/variables.tf'),
        join(terraform, 'modules/events/main.tf'),
        join(terraform, 'modules/observability/functions.json'),
        join(terraform, 'modules/observability/dashboards.tf'),
      ].map((path) => readFile(path, 'utf8')),
    )
  const dead = Object.keys(topics).filter((name) => name.endsWith('.dlq')).length
  const zones = listed(variables, 'default', /us-\w+-\d[a-z]/g)
  const rules = keysOf(firewall, 'managed_rules') + matches(firewall, /^ {2}rule \{/gm)
  const kafkaUsers = listed(main, 'kafka_users', /"[^"]+"/g)
  return {
    stage,
    sizes,
    topics: Object.keys(topics).length,
    // Of services; a login role for each service and for the publisher; users of Kafka; the database's owner.
    secrets: keysOf(secrets, 'service_secrets') + dead + 1 + kafkaUsers + 1,
    keys: keysOf(secrets, 'keys') + 1,
    firewalls: keysOf(firewall, 'scopes'),
    firewallRules: keysOf(firewall, 'scopes') * rules,
    balancers: keysOf(balancers, 'balancers'),
    // The public balancer has one in each zone, every NAT gateway its own.
    publicAddresses: zones + sizes.network.nat_gateways,
    alarmMetrics: alarmMetricsOf(sizes, functionsSchema.parse(JSON.parse(functions ?? ''))),
    dashboards: keysOf(dashboards, 'dashboards'),
    hasTopicMetrics: /enhanced_monitoring\s*=\s*"PER_TOPIC_PER_BROKER"/.test(events ?? ''),
  }
}

const functionsSchema = z.object({
  services: z.record(
    z.string(),
    z.object({
      functions: z.array(z.string()),
      has_http: z.boolean(),
      subscriptions: z.array(z.unknown()),
    }),
  ),
  workflows: z.record(z.string(), z.array(z.string())),
})

/** As many as `alarms-data.tf` and `alarms-functions.tf` make of the sizes and of the stack's functions. */
const alarmMetricsOf = (
  { database, cache, events }: Sizes,
  { services, workflows }: z.output<typeof functionsSchema>,
): number => {
  const sum = (counts: readonly number[]) => counts.reduce((total, count) => total + count, 0)
  const databases = 2 * (1 + database.replicas.length)
  const nodes = 2 * cache.shards * (1 + cache.replicas)
  const brokers = 3 * events.brokers
  // Connections and pins are shares; CPU and memory of the search domain and of the cluster; the balancer; the outbox.
  const others = 3 * 2 + 2 * 2 + 3 + 1
  return sum([
    ...[databases, nodes, brokers, others],
    // Errors, calls and throttles of each function, answers that failed; topics that it follows, and what it parked.
    ...Object.values(services).map(
      ({ functions, has_http, subscriptions }) =>
        3 * functions.length +
        (has_http ? 1 : 0) +
        (subscriptions.length > 0 ? subscriptions.length + 1 : 0),
    ),
    // Throttles of each step; executions that failed, were late or aborted.
    ...Object.values(workflows).map((functions) => functions.length + 3),
  ])
}

const matches = (text: string | undefined, pattern: RegExp): number =>
  [...(text ?? '').matchAll(pattern)].length

const listed = (text: string | undefined, name: string, item: RegExp): number =>
  matches(new RegExp(`${name}\\s*=\\s*\\[([^\\]]*)\\]`).exec(text ?? '')?.[1], item)

/** How many keys a map among the locals has, whether it stands on one line or on many. */
const keysOf = (text: string | undefined, name: string): number => {
  const one = new RegExp(`^ {2}${name}\\s*=\\s*\\{(.+)\\}$`, 'm').exec(text ?? '')?.[1]
  if (one !== undefined) return matches(one, /\w+\s*=/g)
  const many = new RegExp(`^ {2}${name}\\s*=\\s*\\{\\n([\\s\\S]*?)^ {2}\\}`, 'm').exec(text ?? '')
  return matches(many?.[1], /^ {4}[\w-]+\s*=/gm)
}

/** A number that Terraform holds, for a formula. */
export const size = (platform: Platform, name: string, number: number, unit: string): Value =>
  value(name, number, unit, { kind: 'terraform', text: `terraform/environments/${platform.stage}` })

/** A number that follows from Terraform's modules. */
export const made = (name: string, number: number, unit: string): Value =>
  value(name, number, unit, { kind: 'terraform', text: 'terraform/modules' })
