import { hubTopics } from '../../../shared/bus/hub-topics.ts'
import { type Formula, fixed, named, over, plus, times } from '../bill/formula.ts'
import { burstCalls, load } from '../inputs/scenario.ts'
import type { DeployedFunction } from './deployed.ts'
import { eventsPerCall, type Inputs, packaged } from './inputs.ts'

/** How much of everything a month's load brings. */
export type Volumes = {
  /** By function name. */
  readonly calls: ReadonlyMap<string, Formula>
  readonly allCalls: Formula
  readonly gatewayRequests: Formula
  /** Of the outbox, and so of Kafka. */
  readonly events: Formula
  readonly executions: Readonly<Record<'video' | 'certificate', Formula>>
}

const EXAMS = 'assessmentHttp'
const VIDEO_REPORTS = 'videoProcessingProgress'
const MAILS = 'notificationJobs'
const NONE = fixed('no calls', 0, 'calls')

/**
 * From the load to the calls of each function: requests by their shares, schedules by their rates, workflow steps by the
 * path of their state machine, and consumers by the events that all of these write. Consumers write events themselves;
 * those are followed one step further and no more, because each step is some five times smaller than the one before.
 */
export const volumesOf = (inputs: Inputs): Volumes => {
  const { functions } = inputs.deployed
  const requests = load(inputs.scenario, 'requests')
  const executions = {
    video: named(
      'videos',
      'executions',
      times(load(inputs.scenario, 'videoHoursUploaded'), VIDEOS_PER_HOUR),
    ),
    certificate: load(inputs.scenario, 'certificates'),
  }
  const direct = new Map(
    functions.map((one) => [one.name, directCalls(inputs, one, requests, executions)]),
  )
  const firstEvents = (topic: string) => eventsOn(topic, inputs, direct)
  const once = withConsumers(inputs, direct, firstEvents)
  const calls = withConsumers(inputs, direct, (topic) => eventsOn(topic, inputs, once))
  const events = named(
    'events',
    'events',
    plus(...TOPICS.map(({ topic }) => eventsOn(topic, inputs, calls))),
  )
  const nudged = new Map(calls)
  for (const one of functions.filter(({ kind }) => kind === 'publisher'))
    nudged.set(
      one.name,
      named(
        `calls of ${one.name}`,
        'calls',
        plus(scheduled(one), over(events, inputs.assumptions.of('eventsPerNudge'))),
      ),
    )
  return {
    calls: nudged,
    allCalls: named('calls of all functions', 'calls', plus(...nudged.values())),
    gatewayRequests: named(
      'requests of the gateway',
      'requests',
      plus(requests, burstCalls(inputs.scenario)),
    ),
    events,
    executions,
  }
}

const VIDEOS_PER_HOUR = fixed(
  'videos per hour uploaded',
  4,
  'videos',
  'a lesson of a quarter of an hour',
)

const scheduled = ({ name, runsPerMonth }: DeployedFunction): Formula =>
  packaged(`scheduled runs of ${name}`, runsPerMonth, 'runs')

const directCalls = (
  inputs: Inputs,
  one: DeployedFunction,
  requests: Formula,
  executions: Volumes['executions'],
): Formula => {
  const share = inputs.assumptions.requestShare(one.name)
  const steps = inputs.deployed.workflows.flatMap(({ name, kind, calls }) => {
    const often = calls.get(one.name)
    if (often === undefined) return []
    return [times(executions[kind], fixed(`times in ${name}`, often, 'calls', 'its state machine'))]
  })
  const parts = [
    ...(one.kind === 'http' && share ? [times(requests, share)] : []),
    ...(one.name === EXAMS ? [burstCalls(inputs.scenario)] : []),
    ...(one.runsPerMonth > 0 ? [scheduled(one)] : []),
    ...(one.name === MAILS ? [load(inputs.scenario, 'mails')] : []),
    ...(one.name === VIDEO_REPORTS ? [reports(inputs)] : []),
    ...steps,
  ]
  return parts.length === 0 ? NONE : named(`calls of ${one.name}`, 'calls', plus(...parts))
}

const reports = ({ scenario, assumptions }: Inputs): Formula =>
  times(
    load(scenario, 'videoHoursUploaded'),
    fixed('minutes of an hour', 60, 'minutes'),
    assumptions.of('progressReports'),
  )

const withConsumers = (
  inputs: Inputs,
  direct: ReadonlyMap<string, Formula>,
  events: (topic: string) => Formula,
): ReadonlyMap<string, Formula> => {
  const calls = new Map(direct)
  for (const one of inputs.deployed.functions.filter(({ kind }) => kind === 'bus'))
    calls.set(
      one.name,
      named(
        `calls of ${one.name}`,
        'calls',
        over(plus(...one.topics.map(events)), inputs.assumptions.of('recordsPerBatch')),
      ),
    )
  return calls
}

/** What the functions of the topic's own service write. */
const eventsOn = (topic: string, inputs: Inputs, calls: ReadonlyMap<string, Formula>): Formula => {
  const writers = inputs.deployed.functions.filter((one) => topicOf(one) === topic)
  return named(
    `events on ${topic}`,
    'events',
    plus(
      fixed('none', 0, 'events'),
      ...writers.map((one) => times(calls.get(one.name) ?? NONE, eventsPerCall(inputs, one))),
    ),
  )
}

/** `courseHttp` writes to `hub.course.v1`, a step of certificate issuance to `hub.certificate.v1`. */
const topicOf = ({ name }: DeployedFunction): string | undefined =>
  TOPICS.find(({ prefix }) => name.startsWith(prefix))?.topic

const TOPICS = hubTopics
  .map(({ name }) => name)
  .filter((name) => name.endsWith('.v1'))
  .map((topic) => ({
    topic,
    prefix: (topic.split('.')[1] ?? '').replace(/-(.)/g, (_dash, letter: string) =>
      letter.toUpperCase(),
    ),
  }))
