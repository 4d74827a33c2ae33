import type { FunctionFigures } from '../../measure/function-figures.ts'
import type { Stack, StackFunction } from '../stack.ts'
import { bucketsOf, type Traffic } from './traffic.ts'

/** Events make events; after so many rounds what is left is below a hundredth of a call. */
const ROUNDS_MAX = 12

/**
 * Reckons what follows from calls at the doors: each function writes so many events a call (measured), each event is one
 * call of every consumer of its topic (a batch of one, the worst case), each commit with events wakes those that are
 * called by name, and schedules run anyway. Steps and what EventBridge calls come as often per call of the doors as they
 * were measured, which is too often: one video among a few hundred calls is more than a school uploads.
 *
 * Traffic that covers all functions is left as it is.
 *
 * @param figures by key; a function that was not measured writes no events.
 */
export const followTraffic = (
  traffic: Traffic,
  stack: Stack,
  figures: Readonly<Record<string, FunctionFigures>>,
): Traffic => {
  if (traffic.covers === 'all') return traffic
  const buckets = bucketsOf(traffic)
  const doors = new Set(stack.functions.filter(({ kind }) => kind === 'door').map(({ key }) => key))
  const called = new Map<string, readonly number[]>(
    [...traffic.rates].filter(([key]) => doors.has(key)),
  )
  const consumers = stack.functions.filter(({ kind }) => kind === 'consumer')
  for (let round = 0; round < ROUNDS_MAX; round += 1) {
    const events = eventsByTopic(called, stack, figures, buckets)
    for (const { key, topics } of consumers) {
      const inputs = topics.flatMap((topic) => events.get(topic) ?? [])
      called.set(key, sumSeries(inputs, buckets))
    }
  }
  const scheduled = (one: StackFunction) => Array(buckets).fill(one.scheduledPerSecond)
  for (const one of stack.functions) {
    if (one.kind === 'job') called.set(one.key, scheduled(one))
    if (one.kind === 'async') {
      const commits = [...called].map(([key, rates]) =>
        rates.map((rate) => rate * Math.min(1, figures[key]?.eventsPerInvocation ?? 0)),
      )
      const waking = one.key === 'outboxPublisher' ? commits : ownCommits(one.key, called)
      called.set(one.key, sumSeries([...waking, scheduled(one)], buckets))
    }
    if (one.kind === 'step' || one.kind === 'event')
      called.set(one.key, followRatio(one, { called, figures, stack, buckets }))
  }
  return {
    ...{ ...traffic, rates: called, covers: 'all' },
    notes: [
      ...traffic.notes,
      'Consumers, steps and jobs are reckoned from the doors’ calls with measured events per call, one record a batch.',
    ],
  }
}

/** Events a second on each topic, whatever the traffic covers. @param traffic of all functions. */
export const eventsOf = (
  traffic: Traffic,
  stack: Stack,
  figures: Readonly<Record<string, FunctionFigures>>,
): ReadonlyMap<string, readonly number[]> => {
  const buckets = bucketsOf(traffic)
  const byTopic = eventsByTopic(traffic.rates, stack, figures, buckets)
  return new Map([...byTopic].map(([topic, series]) => [topic, sumSeries(series, buckets)]))
}

type Series = ReadonlyMap<string, readonly number[]>

/** Events a second on each topic that somebody consumes, as lists of series to be summed. */
const eventsByTopic = (
  called: Series,
  stack: Stack,
  figures: Readonly<Record<string, FunctionFigures>>,
  buckets: number,
): ReadonlyMap<string, readonly (readonly number[])[]> => {
  const byTopic = new Map<string, (readonly number[])[]>()
  for (const { topic } of stack.subscriptions) byTopic.set(topic, [])
  for (const [topic, series] of byTopic) {
    const service = serviceOfTopic(topic)
    for (const [key, rates] of called) {
      const per = figures[key]?.eventsPerInvocation ?? 0
      if (per > 0 && belongsTo(key, service, stack))
        series.push(rates.map((rate) => rate * per).slice(0, buckets))
    }
  }
  return byTopic
}

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
  {
    called,
    figures,
    stack,
    buckets,
  }: {
    called: Series
    figures: Readonly<Record<string, FunctionFigures>>
    stack: Stack
    buckets: number
  },
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
