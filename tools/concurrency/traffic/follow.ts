import type { FunctionFigures } from '../../measure/function-figures.ts'
import type { FunctionKind, Stack, StackFunction } from '../stack.ts'
import { bucketsOf, type Traffic } from './traffic.ts'

/** Events make events; after so many rounds what is left is below a hundredth of a call. */
const ROUNDS_MAX = 12

/**
 * Reckons what follows from calls at the doors: each function writes so many events a call (measured), each event is one
 * call of every consumer of its topic (a batch of one, the worst case), each commit with events wakes those that are
 * called by name, and schedules run anyway. Steps and what EventBridge calls come as often per call of the doors as they
 * were measured, which is too often: one video among a few hundred calls is more than a school uploads.
 *
 * A consumer is called no more often than its partitions allow: what comes above that waits on the topic, and batches grow.
 *
 * Traffic that covers all functions is left as it is.
 *
 * @param figures by key; a function that was not measured writes no events.
 */
export const followTraffic = (traffic: Traffic, stack: Stack, figures: Figures): Traffic => {
  if (traffic.covers === 'all') return traffic
  const buckets = bucketsOf(traffic)
  const called = new Map(writersOf(traffic, stack, figures))
  // Each is reckoned from what was there before any of them, so their order in the template is no matter.
  const woken = stack.functions
    .filter(({ kind }) => kind === 'async')
    .map((one) => [one.key, wakingOf(one, { called, figures, buckets })] as const)
  const topics = sumsByTopic(called, stack, figures, buckets)
  for (const { key, kind } of stack.functions)
    if (kind === 'consumer') called.set(key, batchesOf(key, { topics, stack, figures, buckets }))
  for (const [key, rates] of woken) called.set(key, rates)
  return {
    ...{ ...traffic, rates: called, covers: 'all' },
    notes: [
      ...traffic.notes,
      'Consumers, steps and jobs are reckoned from the doors’ calls with measured events per call, one record a batch.',
    ],
  }
}

/**
 * Events a second on each topic, whether their consumers keep up or not.
 *
 * @param traffic as it was given: the doors', or that of all functions.
 */
export const eventsOf = (traffic: Traffic, stack: Stack, figures: Figures): Series => {
  const called = traffic.covers === 'all' ? traffic.rates : writersOf(traffic, stack, figures)
  return sumsByTopic(called, stack, figures, bucketsOf(traffic))
}

/** Calls of all that may write events, with one call of a consumer for each event. */
const writersOf = (traffic: Traffic, stack: Stack, figures: Figures): Series => {
  const buckets = bucketsOf(traffic)
  const ofKind = (...kinds: readonly FunctionKind[]) =>
    stack.functions.filter(({ kind }) => kinds.includes(kind))
  const doors = new Set(ofKind('door').map(({ key }) => key))
  const called = new Map([...traffic.rates].filter(([key]) => doors.has(key)))
  const followed = ofKind('step', 'event').map(
    (one) => [one.key, followRatio(one, { called, figures, stack, buckets })] as const,
  )
  for (const [key, rates] of followed) called.set(key, rates)
  for (const one of ofKind('job')) called.set(one.key, scheduled(one, buckets))
  for (let round = 0; round < ROUNDS_MAX; round += 1) {
    const events = sumsByTopic(called, stack, figures, buckets)
    for (const { key, topics } of ofKind('consumer'))
      called.set(
        key,
        sumSeries(
          topics.map((topic) => events.get(topic) ?? []),
          buckets,
        ),
      )
  }
  return called
}

type Figures = Readonly<Record<string, FunctionFigures>>
type Facts = { readonly stack: Stack; readonly figures: Figures; readonly buckets: number }

const scheduled = (one: StackFunction, buckets: number): readonly number[] =>
  Array(buckets).fill(one.scheduledPerSecond)

/** Each commit with events wakes the publisher; others are woken by their own service. */
const wakingOf = (
  one: StackFunction,
  { called, figures, buckets }: Omit<Facts, 'stack'> & { readonly called: Series },
): readonly number[] => {
  const commits = [...called].map(([key, rates]) =>
    rates.map((rate) => rate * Math.min(1, figures[key]?.eventsPerInvocation ?? 0)),
  )
  const waking = one.key === 'outboxPublisher' ? commits : ownCommits(one.key, called)
  return sumSeries([...waking, scheduled(one, buckets)], buckets)
}

/** Calls of a consumer: of each of its mappings no more than its topic's partitions are under way at once. */
const batchesOf = (
  key: string,
  { topics, stack, figures, buckets }: Facts & { readonly topics: Series },
): readonly number[] => {
  const meanSeconds = (figures[key]?.durationMs.mean ?? 0) / 1_000
  const mappings = stack.subscriptions.filter(({ functionKey }) => functionKey === key)
  return sumSeries(
    mappings.map(({ topic, partitions }) =>
      (topics.get(topic) ?? []).map((rate) =>
        meanSeconds === 0 ? rate : Math.min(rate, partitions / meanSeconds),
      ),
    ),
    buckets,
  )
}

type Series = ReadonlyMap<string, readonly number[]>

/** Events a second on each topic that somebody consumes. */
const sumsByTopic = (called: Series, stack: Stack, figures: Figures, buckets: number): Series =>
  new Map(
    [...new Set(stack.subscriptions.map(({ topic }) => topic))].map((topic) => {
      const service = serviceOfTopic(topic)
      const writers = [...called].flatMap(([key, rates]) => {
        const per = figures[key]?.eventsPerInvocation ?? 0
        return per > 0 && belongsTo(key, service, stack) ? [rates.map((rate) => rate * per)] : []
      })
      return [topic, sumSeries(writers, buckets)]
    }),
  )

/** `hub.video-processing.v1` carries what `videoProcessing…` writes. */
const serviceOfTopic = (topic: string): string =>
  (topic.split('.')[1] ?? '').replaceAll(/-(\w)/g, (_, letter: string) => letter.toUpperCase())

/** A function's key begins with its service's name; `video` is not the service of `videoStreamingHttp`. */
const belongsTo = (key: string, service: string, stack: Stack): boolean => {
  const owners = stack.subscriptions
    .map(({ topic }) => serviceOfTopic(topic))
    .filter((one) => key.startsWith(one))
  const longest = owners.toSorted((one, other) => other.length - one.length)[0]
  return longest === service
}

/** A function that one service wakes (notificationJobs) is woken by that service's consumer. */
const ownCommits = (key: string, called: Series): readonly (readonly number[])[] => {
  const service = key.replace(/[A-Z][a-z]+$/, '')
  return [...called].filter(([other]) => other === `${service}Bus`).map(([, rates]) => rates)
}

/** As often for each call of the doors together as it was measured. */
const followRatio = (
  one: StackFunction,
  { called, figures, stack, buckets }: Facts & { readonly called: Series },
): readonly number[] => {
  const doors = stack.functions.filter(({ kind }) => kind === 'door')
  const doorCalls = doors.reduce((sum, { key }) => sum + (figures[key]?.invocations ?? 0), 0)
  const own = figures[one.key]?.invocations ?? 0
  const ratio = doorCalls === 0 ? 0 : own / doorCalls
  const all = sumSeries(
    doors.flatMap(({ key }) => (called.has(key) ? [called.get(key) ?? []] : [])),
    buckets,
  )
  return all.map((rate) => rate * ratio)
}

const sumSeries = (series: readonly (readonly number[])[], buckets: number): readonly number[] =>
  Array.from({ length: buckets }, (_, bucket) =>
    series.reduce((sum, rates) => sum + (rates[bucket] ?? 0), 0),
  )
