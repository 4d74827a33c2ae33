import { parseArgs } from 'node:util'
import type { Admin } from 'kafkajs'
import * as z from 'zod'
import { hubTopics, withReplicasMax } from '../shared/bus/hub-topics.ts'
import { lendAdmin } from '../shared/bus/kafka/admin.ts'
import type { KafkaConnection } from '../shared/bus/kafka/client.ts'
import {
  applyTopics,
  planTopics,
  readTopics,
  type TopicChange,
} from '../shared/bus/kafka/topics.ts'
import { openKafkaBus } from '../shared/bus/kafka.ts'
import { brokersSchema, busSchema, kafkaConnectionOf } from '../shared/bus/open.ts'
import type { PartitionLag } from '../shared/bus/port.ts'
import { jsonVariable } from '../shared/config/load.ts'
import { DAY_MS } from '../shared/kernel/time.ts'
import { silentLog } from '../shared/observe/logger.ts'

// `npm run topics [-- --plan | --lag] [--grow] [--replicas N]`: the topics of the event registry, made and kept as
// they are wanted on the cluster of KAFKA_BROKERS (with KAFKA_TLS, KAFKA_USERNAME and KAFKA_PASSWORD, as functions
// read them, or KAFKA_USER). It may run any number of times, and never deletes or shrinks.

const flagsSchema = z.strictObject({
  plan: z.boolean().default(false),
  lag: z.boolean().default(false),
  grow: z.boolean().default(false),
  replicas: z.coerce.number().int().min(1).max(100).default(100),
})

const OPTIONS = {
  plan: { type: 'boolean' },
  lag: { type: 'boolean' },
  grow: { type: 'boolean' },
  replicas: { type: 'string' },
} as const

const readFlags = () => {
  try {
    return flagsSchema.parse(parseArgs({ options: OPTIONS }).values)
  } catch {
    throw new Error('It takes --plan or --lag, --grow, and --replicas N with N from 1 to 100.')
  }
}

const readConnection = (): KafkaConnection => {
  const schema = busSchema
    .pick({ KAFKA_TLS: true, KAFKA_USERNAME: true, KAFKA_PASSWORD: true })
    .extend({
      KAFKA_BROKERS: brokersSchema,
      /** In place of name and password: both, as Secrets Manager keeps them. */
      KAFKA_USER: jsonVariable(
        z.object({ username: z.string().min(1), password: z.string().min(1) }),
      ).optional(),
    })
  const result = schema.safeParse(process.env)
  if (result.success) {
    const { KAFKA_BROKERS, KAFKA_USER: sasl, ...settings } = result.data
    return { ...kafkaConnectionOf(settings, KAFKA_BROKERS), ...(sasl && { sasl }) }
  }
  const mistakes = result.error.issues.map(({ path, message }) => `${path.join('.')} ${message}`)
  throw new Error(`The environment is not right: ${mistakes.join('; ')}.`)
}

const main = async () => {
  const flags = readFlags()
  const connection = readConnection()
  await lendAdmin(connection, async (admin) => {
    if (flags.lag) return showLag(admin, connection)
    const topics = withReplicasMax(hubTopics, flags.replicas)
    await refuseTooFewBrokers(admin, Math.max(...topics.map(({ replicas }) => replicas)))
    const existing = await readTopics(
      admin,
      topics.map(({ name }) => name),
    )
    const changes = planTopics(topics, existing, { isGrowing: flags.grow })
    for (const change of changes) console.log(describe(change))
    const due = changes.filter(({ kind }) => kind !== 'keep').length
    if (!flags.plan) await applyTopics(admin, changes)
    const kept = changes.length - due
    console.log(
      `${topics.length} topics: ${due} change(s) ${flags.plan ? 'to make' : 'made'}` +
        `${kept > 0 ? `, ${kept} difference(s) left as they are` : ''}.`,
    )
  })
}

const refuseTooFewBrokers = async (admin: Admin, replicas: number) => {
  const { brokers } = await admin.describeCluster()
  if (brokers.length < replicas)
    throw new Error(
      `The topics want ${replicas} replicas and the cluster has ${brokers.length} broker(s): ` +
        `add brokers, or pass --replicas ${brokers.length} where losing one may lose events.`,
    )
}

const describe = (change: TopicChange): string => {
  switch (change.kind) {
    case 'create': {
      const { name, partitions, replicas, inSyncReplicasMin, retentionMs } = change.topic
      return (
        `create     ${name}: ${partitions} partition(s), ${replicas} replica(s), ` +
        `${inSyncReplicasMin} in sync, kept ${retentionMs / DAY_MS} days`
      )
    }
    case 'configure':
      return `configure  ${change.name}: ${change.changes
        .map(({ setting, from, to }) => `${setting} ${from ?? 'unset'} -> ${to}`)
        .join(', ')}`
    case 'grow':
      return `grow       ${change.name}: ${change.from} -> ${change.to} partitions`
    case 'keep':
      return `keep       ${change.name}: ${change.reason}`
  }
}

/** How far every consumer group is behind, a line for each partition that it has a position on. */
const showLag = async (admin: Admin, connection: KafkaConnection) => {
  const bus = openKafkaBus({ ...connection, log: silentLog })
  try {
    const { groups } = await admin.listGroups()
    const names = groups.map(({ groupId }) => groupId).sort()
    const rows: LagRow[] = []
    for (const group of names) for (const lag of await bus.lag(group)) rows.push({ group, ...lag })
    for (const line of tableOf(rows.sort(inOrder))) console.log(line)
    const behind = rows.reduce((sum, { lag }) => sum + lag, 0)
    console.log(`${names.length} group(s), ${behind} record(s) behind.`)
  } finally {
    await bus.close()
  }
}

type LagRow = PartitionLag & { readonly group: string }

const inOrder = (one: LagRow, other: LagRow): number =>
  one.group.localeCompare(other.group) ||
  one.topic.localeCompare(other.topic) ||
  one.partition - other.partition

const tableOf = (rows: readonly LagRow[]): readonly string[] => {
  const heads = ['group', 'topic', 'partition', 'committed', 'end', 'lag']
  const cells = rows.map(({ group, topic, partition, committedOffset, endOffset, lag }) =>
    [group, topic, partition, committedOffset, endOffset, lag].map(String),
  )
  const widths = heads.map((head, column) =>
    Math.max(head.length, ...cells.map((row) => row[column]?.length ?? 0)),
  )
  const lineOf = (row: readonly string[]) =>
    row
      .map((cell, column) => {
        const width = widths[column] ?? 0
        return column < 2 ? cell.padEnd(width) : cell.padStart(width)
      })
      .join('  ')
  return [heads, ...cells].map(lineOf)
}

try {
  await main()
  process.exit(0)
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error))
  process.exit(1)
}
