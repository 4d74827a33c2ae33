import type { Member } from './group.ts'
import type { TopicPartition } from './heads.ts'

/**
 * Who reads what: every partition goes to exactly one member that wants its topic, as evenly as it goes. Every
 * member computes the same from the same input. Where two see different inputs for a moment, the claim decides.
 */
export const assign = (
  members: readonly Member[],
  partitions: readonly TopicPartition[],
): ReadonlyMap<string, readonly TopicPartition[]> => {
  const sorted = [...members].sort((a, b) => compare(a.id, b.id))
  const assigned = new Map<string, TopicPartition[]>(sorted.map(({ id }) => [id, []]))
  for (const target of [...partitions].sort(
    (a, b) => compare(a.topic, b.topic) || a.partition - b.partition,
  )) {
    const load = sorted
      .filter(({ topics }) => topics.includes(target.topic))
      .map(({ id }) => assigned.get(id) ?? [])
    const least = load.reduce<TopicPartition[] | undefined>(
      (best, each) => (best === undefined || each.length < best.length ? each : best),
      undefined,
    )
    least?.push(target)
  }
  return assigned
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
