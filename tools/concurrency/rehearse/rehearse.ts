import Table from 'cli-table3'
import { silentNarrator } from '../../../local/demo/narrator.ts'
import type { ConcurrencyFigures } from '../../../local/hub/concurrency.ts'
import { openCampus } from '../../measure/campus.ts'
import { openMeasuredHub, refuseEngines, withDataFolder } from '../../measure/own-hub.ts'
import type { Arguments } from '../arguments.ts'
import { type Need, type NeedContext, needOf } from '../plan/need.ts'
import type { Plan } from '../plan/plan.ts'
import type { Settings } from '../plan/pool.ts'
import { count, figure, share } from '../report/study.ts'
import type { Studied } from '../study.ts'
import type { Traffic } from '../traffic/traffic.ts'
import { arrivalsOf } from './arrivals.ts'
import { onOneMachine, predictedBy, type Sides, smallFigures } from './figures.ts'
import { type Played, play, type Run } from './play.ts'
import { busiestWindow, cutTo, totalRates, type Window } from './window.ts'
import { worstLatency } from './worst.ts'

/** Calls before those that count: environments that a real day would have warm become so. */
const LEAD_SECONDS = 10

/**
 * Plays the busiest part of the profile against two hubs, one with the present figures and one with the proposed, both at the
 * size that one machine can play, and gives a table of what happened. The arrivals are the same for both.
 */
export const rehearse = async (studied: Studied, args: Arguments): Promise<string> => {
  refuseEngines(process.env)
  const { stack, study, measurement } = studied
  const doors = doorsOf(studied)
  const window = busiestWindow(doors, { seconds: args.seconds, ratePerSecond: args.rate })
  const context = { stack, figures: measurement.functions, targets: study.targets }
  const needsOf = (cut: Window) => needsFor(cutTo(study.traffic, cut), context)
  const traffic = withLead(cutTo(doors, window))
  const figures = smallFigures(settingsOf(study.plan), {
    full: needsOf({ ...window, scale: 1 }),
    small: needsOf(window).map(onOneMachine),
    ...{ account: study.targets.account, scale: window.scale },
  })
  const arrivals = arrivalsOf(traffic, args.seed)
  if (arrivals.length === 0) throw new Error('The profile has no calls to play.')
  console.log(
    `\nRehearsal: ${window.seconds} s of ${doors.name} from second ${window.fromSecond}, ${arrivals.length} calls, ` +
      `at one call for ${figure(1 / window.scale)} of the profile. Reserved and shared places are as many fewer as refuse the same ` +
      'share of the calls, and the same in all for both sides.',
  )
  const outcome = await withDataFolder(async (dataDir) => {
    const hub = await openMeasuredHub(dataDir)
    const campus = await openCampus(hub.url, silentNarrator).finally(hub.stop)
    const run = (which: ConcurrencyFigures) =>
      play({ dataDir, campus, figures: which, arrivals, leadSeconds: LEAD_SECONDS })
    return { now: await run(figures.now), proposed: await run(figures.proposed) }
  })
  const predict = (side: keyof Sides<Run>) => {
    const seen = withDurations(context.figures, outcome[side].heldMs)
    const needs = needsFor(cutTo(study.traffic, window), { ...context, figures: seen })
    return predictedBy(needs.map(onOneMachine), figures[side])
  }
  const predicted = { now: predict('now'), proposed: predict('proposed') }
  const doorsOnly = { now: outcome.now.doors, proposed: outcome.proposed.doors }
  return report({ traffic, figures, outcome: doorsOnly, predicted, args })
}

const settingsOf = ({ functions }: Plan): Sides<Settings> => ({
  now: new Map(functions.map(({ of, now }) => [of.key, now])),
  proposed: new Map(functions.map(({ of, proposed }) => [of.key, proposed])),
})

const needsFor = (traffic: Traffic, context: Omit<NeedContext, 'traffic'>): readonly Need[] =>
  context.stack.functions.map((of) => needOf(of, { ...context, traffic }))

const withDurations = (
  figures: NeedContext['figures'],
  heldMs: Run['heldMs'],
): NeedContext['figures'] =>
  Object.fromEntries(
    Object.entries(figures).map(([key, one]) => {
      const mean = heldMs.get(key)
      const durationMs = mean === undefined ? one.durationMs : { ...one.durationMs, mean }
      return [key, { ...one, durationMs }]
    }),
  )

/** Only what the gateway can be asked for is sent; the rest follows by itself, as it does in production. */
const doorsOf = ({ stack, traffic }: Studied): Traffic => {
  const keys = new Set(stack.functions.filter(({ kind }) => kind === 'door').map(({ key }) => key))
  return { ...traffic, rates: new Map([...traffic.rates].filter(([key]) => keys.has(key))) }
}

const withLead = (traffic: Traffic): Traffic => ({
  ...traffic,
  rates: new Map(
    [...traffic.rates].map(([key, rates]) => [
      key,
      [...Array(LEAD_SECONDS).fill(rates[0] ?? 0), ...rates],
    ]),
  ),
})

const report = ({
  traffic,
  figures,
  outcome,
  predicted,
  args,
}: {
  traffic: Traffic
  figures: Sides<ConcurrencyFigures>
  outcome: Sides<ReadonlyMap<string, Played>>
  predicted: Sides<ReadonlyMap<string, number>>
  args: Arguments
}): string => {
  const table = new Table({
    head: [
      ...['function', '', 'reserved', 'warm', 'calls', 'throttled', 'predicted', 'refused', 'cold'],
      ...['at once', 'ran p99', 'waited p99', 'p50 ms', 'p99 ms'],
    ],
    colAligns: ['left', 'left', ...Array(12).fill('right')],
    style: { head: [], border: [], compact: true },
  })
  const keys = [...outcome.now.keys()].toSorted(
    (one, other) => (outcome.now.get(other)?.calls ?? 0) - (outcome.now.get(one)?.calls ?? 0),
  )
  for (const key of keys)
    for (const side of ['now', 'proposed'] as const) {
      const played = outcome[side].get(key)
      if (!played) continue
      const setting = figures[side].functions[key]
      table.push([
        ...[side === 'now' ? key : '', side],
        ...[count(setting?.reserved), count(setting?.provisioned), String(played.calls)],
        share(played.throttled / Math.max(1, played.calls)),
        share(predicted[side].get(key) ?? 0),
        ...[share(played.refused / Math.max(1, played.calls)), String(played.coldStarts)],
        ...[String(played.runningMax), ms(played.durationMs?.p99), ms(played.waitMs?.p99)],
        ...[ms(played.latencyMs?.p50), ms(played.latencyMs?.p99)],
      ])
    }
  return [
    String(table),
    ...(['now', 'proposed'] as const).map(
      (side) => `  ${side.padEnd(9)} ${summary(outcome[side])}`,
    ),
    `  Shared by functions without a reservation: ${figures.now.unreserved} now, ${figures.proposed.unreserved} proposed; ` +
      `in all ${placesIn(figures.now)} and ${placesIn(figures.proposed)}.`,
    `  Up to ${figure(Math.max(...totalRates(traffic)))} calls a second; seed ${args.seed}. Latency counts from the moment when a call was due.`,
    '  Predicted: the throttled share by Erlang’s formula over each second, of functions without a reservation with all that share;',
    '  with the time that calls had their places in this run, waiting for an environment included.',
    '  Ran and waited are over the whole run of the hub, its first cold seconds included.',
  ].join('\n')
}

const placesIn = ({ unreserved, functions }: ConcurrencyFigures): number =>
  Object.values(functions).reduce((sum, { reserved }) => sum + (reserved ?? 0), unreserved)

const summary = (played: ReadonlyMap<string, Played>): string => {
  const all = [...played.values()]
  const sum = (of: (one: Played) => number) => all.reduce((total, one) => total + of(one), 0)
  return (
    `${sum((one) => one.calls)} calls, ${sum((one) => one.throttled)} throttled, ${sum((one) => one.refused)} refused, ` +
    `${sum((one) => one.coldStarts)} cold starts, ${worstLatency(played)}`
  )
}

const ms = (value: number | undefined): string => (value === undefined ? '-' : figure(value))
