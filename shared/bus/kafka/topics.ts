import type { Admin, ConfigResourceTypes, ConfigSource, DescribeConfigResponse } from 'kafkajs'
import { pause } from '../../kernel/pulse.ts'
import type { Topic } from '../hub-topics.ts'
import { BusUnavailableError } from '../port.ts'

/** A topic as the cluster has it. */
export type ExistingTopic = {
  readonly name: string
  readonly partitions: number
  readonly replicas: number
  /** Its settings in force, by Kafka's names, whether its own or the cluster's. */
  readonly settings: ReadonlyMap<string, string>
  /** Those that were set on the topic itself. */
  readonly ownSettings: ReadonlyMap<string, string>
}

export type SettingChange = {
  readonly setting: string
  readonly from: string | undefined
  readonly to: string
}

export type TopicChange =
  | { readonly kind: 'create'; readonly topic: Topic }
  | {
      readonly kind: 'configure'
      readonly name: string
      readonly changes: readonly SettingChange[]
      /** All own settings afterwards: Kafka's request replaces them as a whole. */
      readonly settings: ReadonlyMap<string, string>
    }
  | {
      readonly kind: 'grow'
      readonly name: string
      readonly from: number
      readonly to: number
    }
  /** A difference that stays, because mending it would lose or reorder something. */
  | { readonly kind: 'keep'; readonly name: string; readonly reason: string }

/**
 * What it takes to bring a cluster to the wanted topics. Nothing is ever deleted or made smaller.
 *
 * @param isGrowing whether partitions may be added: keys move to others then, so their order holds only if every
 *   consumer group has read everything before.
 */
export const planTopics = (
  wanted: readonly Topic[],
  existing: readonly ExistingTopic[],
  { isGrowing }: { isGrowing: boolean },
): readonly TopicChange[] => {
  const byName = new Map(existing.map((topic) => [topic.name, topic]))
  return wanted.flatMap((topic): TopicChange[] => {
    const found = byName.get(topic.name)
    if (!found) return [{ kind: 'create', topic }]
    return [
      ...configureOf(topic, found),
      ...partitionsOf(topic, found, isGrowing),
      ...replicasOf(topic, found),
    ]
  })
}

/** Reads those of the named topics that exist. */
export const readTopics = async (
  admin: Admin,
  names: readonly string[],
): Promise<readonly ExistingTopic[]> => {
  const known = new Set(await admin.listTopics())
  const topics = names.filter((name) => known.has(name))
  if (topics.length === 0) return []
  const [metadata, configs] = await Promise.all([
    admin.fetchTopicMetadata({ topics }),
    admin.describeConfigs({
      includeSynonyms: false,
      resources: topics.map((name) => ({ type: TOPIC_RESOURCE, name })),
    }),
  ])
  const settings = new Map(configs.resources.map((each) => [each.resourceName, settingsOf(each)]))
  return metadata.topics.map(({ name, partitions }) => ({
    name,
    partitions: partitions.length,
    replicas: Math.min(...partitions.map(({ replicas }) => replicas.length)),
    ...(settings.get(name) ?? { settings: new Map(), ownSettings: new Map() }),
  }))
}

/**
 * Carries a plan out, and waits until every new partition has a leader.
 *
 * @throws kafkajs' error for what the cluster refuses; what came before it stands.
 * @throws BusUnavailableError when a partition gets no leader in time.
 */
export const applyTopics = async (admin: Admin, changes: readonly TopicChange[]): Promise<void> => {
  const created = changes.flatMap((change) => (change.kind === 'create' ? [change.topic] : []))
  const configured = changes.filter((change) => change.kind === 'configure')
  const grown = changes.filter((change) => change.kind === 'grow')
  if (created.length > 0)
    // `waitForLeaders` throws on a cluster whose brokers do not all know yet: polled below instead.
    await admin.createTopics({ waitForLeaders: false, topics: created.map(toKafka) })
  if (configured.length > 0)
    await admin.alterConfigs({
      validateOnly: false,
      resources: configured.map(({ name, settings }) => ({
        type: TOPIC_RESOURCE,
        name,
        configEntries: entriesOf(settings),
      })),
    })
  if (grown.length > 0)
    await admin.createPartitions({
      topicPartitions: grown.map(({ name, to }) => ({ topic: name, count: to })),
    })
  const fresh = [
    ...created.map(({ name, partitions }) => ({ name, partitions })),
    ...grown.map(({ name, to }) => ({ name, partitions: to })),
  ]
  if (fresh.length > 0) await untilLed(admin, fresh)
}

const LED_TIMEOUT_MS = 30_000
const LED_POLL_MS = 100

/**
 * Resolves once every topic has these many partitions, each with a leader that knows of it.
 *
 * @throws BusUnavailableError after 30 s.
 */
export const untilLed = async (
  admin: Admin,
  topics: readonly { readonly name: string; readonly partitions: number }[],
): Promise<void> => {
  const deadline = AbortSignal.timeout(LED_TIMEOUT_MS)
  while (!deadline.aborted) {
    // A broker that has not heard of a topic yet says so with an error.
    if (await areLed(admin, topics).catch(() => false)) return
    await pause(LED_POLL_MS, deadline)
  }
  const names = topics.map(({ name }) => name)
  throw new BusUnavailableError(`topics without a leader: ${names.join(', ')}`)
}

const areLed = async (
  admin: Admin,
  topics: readonly { readonly name: string; readonly partitions: number }[],
): Promise<boolean> => {
  // Any broker answers who leads, and each leader itself how far its partitions go.
  const metadata = await admin.fetchTopicMetadata({ topics: topics.map(({ name }) => name) })
  await Promise.all(topics.map(({ name }) => admin.fetchTopicOffsets(name)))
  return topics.every(({ name, partitions }) => {
    const found = metadata.topics.find((topic) => topic.name === name)?.partitions ?? []
    return found.length === partitions && found.every(({ leader }) => leader >= 0)
  })
}

/** The settings of a topic by Kafka's names; what is not here stays as the cluster has it. */
const settingsWanted = (topic: Topic): ReadonlyMap<string, string> =>
  new Map([
    ['cleanup.policy', 'delete'],
    ['retention.ms', String(topic.retentionMs)],
    ['min.insync.replicas', String(topic.inSyncReplicasMin)],
    // A replica that lacks acknowledged records never leads, whatever the cluster's default (MSK's allows it).
    ['unclean.leader.election.enable', 'false'],
  ])

const configureOf = (topic: Topic, found: ExistingTopic): TopicChange[] => {
  const wanted = settingsWanted(topic)
  const changes = [...wanted]
    .filter(([setting, to]) => found.settings.get(setting) !== to)
    .map(([setting, to]) => ({ setting, from: found.settings.get(setting), to }))
  if (changes.length === 0) return []
  const settings = new Map([...found.ownSettings, ...wanted])
  return [{ kind: 'configure', name: topic.name, changes, settings }]
}

const partitionsOf = (topic: Topic, found: ExistingTopic, isGrowing: boolean): TopicChange[] => {
  const { name, partitions: to } = topic
  const { partitions: from } = found
  if (from === to) return []
  if (from > to)
    return [{ kind: 'keep', name, reason: `has ${from} partitions, more than the ${to} wanted` }]
  if (isGrowing) return [{ kind: 'grow', name, from, to }]
  return [{ kind: 'keep', name, reason: `has ${from} of ${to} partitions; --grow adds them` }]
}

const replicasOf = (
  { name, replicas: wanted }: Topic,
  { replicas }: ExistingTopic,
): TopicChange[] =>
  replicas >= wanted
    ? []
    : [{ kind: 'keep', name, reason: `has ${replicas} of ${wanted} replicas; reassign partitions` }]

const toKafka = (topic: Topic) => ({
  topic: topic.name,
  numPartitions: topic.partitions,
  replicationFactor: topic.replicas,
  configEntries: entriesOf(settingsWanted(topic)),
})

const entriesOf = (settings: ReadonlyMap<string, string>) =>
  [...settings].map(([name, value]) => ({ name, value }))

// Of the protocol; kafkajs' enums are no named exports to Node's loader.
const TOPIC_RESOURCE: ConfigResourceTypes = 2
const OWN_SETTING: ConfigSource = 1

const settingsOf = ({ configEntries }: DescribeConfigResponse['resources'][number]) => {
  const settings = new Map(configEntries.map((each) => [each.configName, each.configValue]))
  const own = configEntries.filter(({ configSource }) => configSource === OWN_SETTING)
  return {
    settings,
    ownSettings: new Map(own.map(({ configName, configValue }) => [configName, configValue])),
  }
}
