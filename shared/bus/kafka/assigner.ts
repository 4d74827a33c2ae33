import { AssignerProtocol, type PartitionAssigner } from 'kafkajs'

const NAME = 'subscriptions'
const VERSION = 0

/**
 * Shares each topic's partitions among those members that subscribe it. The assigner that comes with kafkajs shares
 * the leader's topics among all members: in a group whose members subscribe different topics (one service's
 * event-source mappings) most partitions would have no reader.
 */
export const assignBySubscription: PartitionAssigner = ({ cluster }) => ({
  name: NAME,
  version: VERSION,
  protocol: ({ topics }) => ({
    name: NAME,
    metadata: AssignerProtocol.MemberMetadata.encode({
      version: VERSION,
      topics,
      userData: Buffer.alloc(0),
    }),
  }),
  async assign({ members }) {
    const subscriptions = members.map(({ memberId, memberMetadata }) => ({
      memberId,
      topics: AssignerProtocol.MemberMetadata.decode(memberMetadata)?.topics ?? [],
    }))
    await cluster.addMultipleTargetTopics([
      ...new Set(subscriptions.flatMap(({ topics }) => topics)),
    ])
    const partitionsOf = (topic: string) =>
      cluster.findTopicPartitionMetadata(topic).map(({ partitionId }) => partitionId)
    return [...shareOut(subscriptions, partitionsOf)].map(([memberId, assignment]) => ({
      memberId,
      memberAssignment: AssignerProtocol.MemberAssignment.encode({
        version: VERSION,
        assignment: Object.fromEntries(assignment),
        userData: Buffer.alloc(0),
      }),
    }))
  },
})

type Subscribed = { readonly memberId: string; readonly topics: readonly string[] }
/** Partitions by topic. */
type Share = ReadonlyMap<string, number[]>

/** Every partition goes to one member that subscribes its topic; numbers differ by one at most within a topic. */
export const shareOut = (
  members: readonly Subscribed[],
  partitionsOf: (topic: string) => readonly number[],
): ReadonlyMap<string, Share> => {
  const inOrder = members.toSorted((one, other) => one.memberId.localeCompare(other.memberId))
  const topics = [...new Set(inOrder.flatMap((member) => member.topics))].sort()
  const shares = new Map(inOrder.map(({ memberId }) => [memberId, new Map<string, number[]>()]))
  // One count for all topics: those of few partitions do not all go to the first member.
  let turn = 0
  for (const topic of topics) {
    const readers = inOrder.filter((member) => member.topics.includes(topic))
    for (const partition of partitionsOf(topic)) {
      const reader = readers[turn % readers.length]
      turn += 1
      const share = reader && shares.get(reader.memberId)
      share?.set(topic, [...(share.get(topic) ?? []), partition])
    }
  }
  return shares
}
