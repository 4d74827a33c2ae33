import Table from 'cli-table3'
import type { FunctionPlan } from '../plan/plan.ts'
import {
  change,
  dollars,
  figure,
  modelNotes,
  outline,
  peak,
  type Study,
  share,
  warnings,
} from './study.ts'

const BAR_CHARACTERS = 24
const TOPICS_SHOWN_MAX = 8
const FUNCTIONS_SHOWN_MAX = 24
const BARS_SHOWN_MAX = 14
const FINDINGS_SHOWN_MAX = 20
const OUTLINE_POINTS = 48

/** The study as text for a terminal of 160 columns. */
export const terminalReport = (study: Study): string =>
  [
    ...study.traffic.notes,
    study.durations,
    '',
    functionTable(study),
    ...warnings(study).map((warning) => `Warning: ${warning}`),
    '',
    ...picture(study),
    '',
    ...poolLines(study),
    '',
    topicTable(study),
    '',
    ...findingLines(study),
    '',
    'How it is reckoned',
    ...modelNotes(study.targets).map((note) => `  ${note}`),
  ].join('\n')

/** Busy functions first; those that the profile does not call are only counted. */
const functionTable = ({ plan }: Study): string => {
  const called = calledOf(plan.functions)
  const table = new Table({
    head: [
      ...['function', 'kind', 'peak/s', 'mean ms', 'erlangs', 'burst', 'needed'],
      ...['reserved = most', 'warm', 'throttled', 'cold', 'cold, worst min', 'warm $/month'],
    ],
    colAligns: ['left', 'left', ...Array(11).fill('right')],
    style: { head: [], border: [], compact: true },
  })
  const shown = called.slice(0, FUNCTIONS_SHOWN_MAX)
  for (const one of shown)
    table.push([
      ...[one.of.key, one.of.kind, peak(one)],
      ...[one.isMeasured ? figure(one.meanMs) : '?', figure(one.demand.load)],
      ...[figure(one.demand.burst), String(one.needed)],
      change(one.now.reserved, one.proposed.reserved),
      change(one.now.provisioned, one.proposed.provisioned),
      both(one.now.throttled, one.proposed.throttled),
      both(one.now.cold.share, one.proposed.cold.share),
      both(one.now.cold.worstMinuteShare, one.proposed.cold.worstMinuteShare),
      dollars(one.proposed.usdPerMonth),
    ])
  const more = plan.functions.length - shown.length
  return `${table}${more > 0 ? `\n${more} more functions ask for less, or are not called at all (--html shows them).` : ''}`
}

const both = (now: number, proposed: number): string => {
  const [one, other] = [share(now), share(proposed)]
  return one === other ? one : `${one} > ${other}`
}

/** Demand and places of each function on one scale, and the busiest door over time. */
const picture = ({ plan, traffic }: Study): readonly string[] => {
  const called = calledOf(plan.functions).filter(({ demand }) => demand.load > 0)
  const most = Math.max(1, ...called.map((one) => Math.max(one.demand.burst, one.needed)))
  const width = (value: number) => Math.round((value / most) * BAR_CHARACTERS)
  const bars = called.slice(0, BARS_SHOWN_MAX).map((one) => {
    const [used, all] = [width(one.demand.load), width(one.needed)]
    const bar = `${'█'.repeat(used)}${'░'.repeat(Math.max(0, all - used))}`
    return `  ${one.of.key.padEnd(30)} ${bar.padEnd(BAR_CHARACTERS)} ${figure(one.demand.load)} of ${one.needed}`
  })
  const [busiest] = called.filter(({ of }) => of.kind === 'door')
  return [
    'Demand (full) of what is needed (light)',
    ...bars,
    ...(busiest
      ? [
          `  ${busiest.of.key} over the profile, calls a second up to ${figure(busiest.demand.peakPerSecond)}`,
          `  ${spark(outline(traffic, busiest.of.key, OUTLINE_POINTS))}`,
        ]
      : []),
  ]
}

const STEPS = '▁▂▃▄▅▆▇█'

const spark = (values: readonly number[]): string => {
  const most = Math.max(...values)
  return values
    .map((value) => STEPS[Math.min(STEPS.length - 1, Math.floor((value / most) * STEPS.length))])
    .join('')
}

const poolLines = ({ plan, connections, targets }: Study): readonly string[] => {
  const { now, proposed } = plan
  const line = (
    name: string,
    { reserved, unreserved, load, throttled, throttledMost }: typeof now,
  ) =>
    `  ${name.padEnd(9)} ${reserved} reserved or warm, ${unreserved} left for all others, which ask for ${figure(load)} erlangs: ${share(throttled)} throttled, ${share(throttledMost)} in the worst moment`
  return [
    `Account: ${targets.account} at once`,
    line('now', now),
    line('proposed', proposed),
    `Database (${connections.instanceClass}, through the proxy): ${connections.needed} of ${connections.limit} connections at the peak; ` +
      `${connections.clients} environments may hold one to the proxy`,
  ]
}

const topicTable = ({ consumption }: Study): string => {
  const table = new Table({
    head: ['topic', 'consumer group', 'partitions', 'events/s', 'erlangs', 'records a batch'],
    colAligns: ['left', 'left', ...Array(4).fill('right')],
    style: { head: [], border: [], compact: true },
  })
  for (const one of consumption.slice(0, TOPICS_SHOWN_MAX))
    table.push([
      ...[one.topic, one.group, String(one.partitions), figure(one.eventsPerSecond)],
      ...[figure(one.load), String(one.recordsPerBatch)],
    ])
  const more = consumption.length - TOPICS_SHOWN_MAX
  return `${table}${more > 0 ? `\n${more} more subscriptions use less.` : ''}`
}

const findingLines = ({ findings }: Study): readonly string[] =>
  findings.length === 0
    ? ['Nothing must change.']
    : [
        'What must change, first things first',
        ...findings
          .slice(0, FINDINGS_SHOWN_MAX)
          .map(({ what, usdPerMonth }, index) => `  ${index + 1}. ${what} ${costOf(usdPerMonth)}`),
      ]

export const costOf = (usdPerMonth: number | null): string =>
  usdPerMonth === null
    ? '(see npm run cost)'
    : usdPerMonth === 0
      ? '(no cost)'
      : `(${usdPerMonth > 0 ? '+' : '-'}${dollars(Math.abs(usdPerMonth))} a month)`

export const calledOf = (functions: readonly FunctionPlan[]): readonly FunctionPlan[] =>
  functions
    .filter(({ demand }) => demand.peakPerSecond > 0)
    .toSorted(
      (one, other) =>
        other.demand.load - one.demand.load || one.of.key.localeCompare(other.of.key, 'en'),
    )
