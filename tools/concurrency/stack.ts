import { parseExpression } from '../../local/schedules/expression.ts'
import {
  functionKeyOf,
  type Template,
  type TemplateFunction,
} from '../../local/template/template.ts'
import { hubTopics } from '../../shared/bus/hub-topics.ts'

/**
 * Who calls a function, which decides what a throttle means: `door` refuses a person, `consumer` leaves records on their
 * topic, `async` (called by name) and `job` are repeated or dropped, `step` is retried by its state machine, `event` by
 * EventBridge.
 */
export type FunctionKind = 'door' | 'consumer' | 'async' | 'job' | 'step' | 'event'

export type StackFunction = {
  /** In serverless.yml. */
  readonly key: string
  readonly kind: FunctionKind
  readonly memoryMb: number
  readonly timeoutSeconds: number
  readonly reserved: number | undefined
  readonly provisioned: number | undefined
  readonly usesDatabase: boolean
  /** Its calls are hints to look for work: one that fails or is throttled is dropped, and nothing is lost. */
  readonly takesHints: boolean
  /** Topics that it consumes. */
  readonly topics: readonly string[]
  /** Runs a second, by its schedules. */
  readonly scheduledPerSecond: number
}

export type Subscription = {
  readonly topic: string
  readonly group: string
  readonly functionKey: string
  /** Of the topic; as many batches of the group may be under way at once. */
  readonly partitions: number
}

export type Stack = {
  readonly functions: readonly StackFunction[]
  readonly subscriptions: readonly Subscription[]
}

/** What of the packaged template matters here. @throws an Error when a mapping reads a topic that no producer has. */
export const stackOf = (template: Template): Stack => {
  const partitions = new Map(hubTopics.map((topic) => [topic.name, topic.partitions]))
  const subscriptions = template.eventSourceMappings.map((one): Subscription => {
    const count = partitions.get(one.topic)
    if (count === undefined) throw new Error(`No producer has the topic ${one.topic}.`)
    return {
      topic: one.topic,
      group: one.consumerGroupId,
      functionKey: functionKeyOf(one.functionName),
      partitions: count,
    }
  })
  const doors = new Set(template.listenerRules.map((rule) => rule.targetGroup.functionName))
  const consumers = new Set(template.eventSourceMappings.map((one) => one.functionName))
  const rules = new Set(
    template.eventRules.flatMap(({ targets }) => targets.map((one) => one.name)),
  )
  // A function that is invoked by name is named in somebody's environment.
  const mentioned = new Set(template.functions.flatMap((one) => Object.values(one.environment)))
  const kindOf = ({ name }: TemplateFunction): FunctionKind => {
    if (doors.has(name)) return 'door'
    if (consumers.has(name)) return 'consumer'
    if (mentioned.has(name)) return 'async'
    if (template.schedules.some(({ functionName }) => functionName === name)) return 'job'
    return rules.has(name) ? 'event' : 'step'
  }
  const functions = template.functions.map(
    (one): StackFunction => ({
      key: functionKeyOf(one.name),
      kind: kindOf(one),
      memoryMb: one.memoryMb,
      timeoutSeconds: one.timeoutSeconds,
      reserved: one.reservedConcurrency,
      provisioned: one.provisionedConcurrency,
      usesDatabase: 'DATABASE_URL' in one.environment,
      takesHints: kindOf(one) === 'async' && one.asyncRetriesMax === 0,
      topics: subscriptions
        .filter(({ functionKey }) => functionKey === functionKeyOf(one.name))
        .map(({ topic }) => topic),
      scheduledPerSecond: template.schedules
        .filter(({ functionName, enabled }) => functionName === one.name && enabled)
        .reduce((sum, { expression, timezone }) => sum + perSecond(expression, timezone), 0),
    }),
  )
  return { functions, subscriptions }
}

const perSecond = (expression: string, timezone: string): number => {
  const next = parseExpression(expression, timezone)
  const first = next(0)
  const second = first === undefined ? undefined : next(first)
  return first === undefined || second === undefined ? 0 : 1_000 / (second - first)
}
