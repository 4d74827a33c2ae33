import { hubTopics } from '../../shared/bus/hub-topics.ts'
import { SECOND_MS } from '../../shared/kernel/time.ts'

/** Below `terraform/environments/<stage>/`. */
export const TOPICS_FILE = 'topics.auto.tfvars.json'

/** The text of `topics.auto.tfvars.json`: every topic of the event registry, as Terraform's `events` module takes it. */
export const topicVariables = (): string => {
  const topics = hubTopics
    .toSorted((one, other) => one.name.localeCompare(other.name, 'en'))
    .map(({ name, partitions, replicas, inSyncReplicasMin, retentionMs }) => [
      name,
      {
        partitions,
        replicas,
        min_insync: inSyncReplicasMin,
        retention_seconds: retentionMs / SECOND_MS,
      },
    ])
  return `${JSON.stringify({ topics: Object.fromEntries(topics) }, undefined, 2)}\n`
}
