import Table from 'cli-table3'
import { silentNarrator } from '../../../local/demo/narrator.ts'
import type { ConcurrencyFigures } from '../../../local/hub/concurrency.ts'
import { openCampus } from '../../measure/campus.ts'
import { openMeasuredHub, refuseEngines, withDataFolder } from '../../measure/own-hub.ts'
import type { Arguments } from '../arguments.ts'
import { demandOf } from '../model/demand.ts'
import { erlangB } from '../model/erlang.ts'
import { planFor } from '../plan/plan.ts'
import { count, figure, share } from '../report/study.ts'
import type { Studied } from '../study.ts'
import { followTraffic } from '../traffic/follow.ts'
import type { Traffic } from '../traffic/traffic.ts'
import { arrivalsOf } from './arrivals.ts'
import { presentFigures, proposedFigures } from './figures.ts'
import { type Played, play } from './play.ts'
import { busiestWindow, cutTo, totalRates } from './window.ts'

/** Calls before those that count: environments that a real day would have warm become so. */
const LEAD_SECONDS = 10

/**
 * Plays the busiest part of the profile against two hubs, one with the present figures and one with the proposed, and
 * gives a table of what happened. The arrivals are the same for both.
 */
export const rehearse = async (studied: Studied, args: Arguments): Promise<string> => {
  refuseEngines(process.env)
  const { stack, study, measurement, warmPrice } = studied
  const doors = doorsOf(studied)
  const window = busiestWindow(doors, { seconds: args.seconds, ratePerSecond: args.rate })
  const traffic = withLead(cutTo(doors, window))
  const scaledPlan = planFor({
    stack,
    traffic: followTraffic({ ...traffic, covers: 'doors' }, stack, measurement.functions),
    figures: measurement.functions,
    ...{ targets: study.targets, warmPrice },
  })
  const figures = {
    now: presentFigures(study.plan, window),
    proposed: proposedFigures(study.plan, { scaledPlan, window }),
  }
  const arrivals = arrivalsOf(traffic, args.seed)
  if (arrivals.length === 0) throw new Error('The profile has no calls to play.')
  console.log(
    `\nRehearsal: ${window.seconds} s of ${doors.name} from second ${window.fromSecond}, ${arrivals.length} calls, ` +
      `at one call for ${figure(1 / window.scale)} of the profile, with all that is reserved and shared scaled alike.`,
  )
  const outcome = await withDataFolder(async (dataDir) => {
    const hub = await openMeasuredHub(dataDir)
    const campus = await openCampus(hub.url, silentNarrator).finally(hub.stop)
    const run = (which: ConcurrencyFigures) =>
      play({ dataDir, campus, figures: which, arrivals, leadSeconds: LEAD_SECONDS })
    return { now: await run(figures.now), proposed: await run(figures.proposed) }
  })
  return report({ traffic, figures, outcome, args })
}

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

type Sides<Value> = { readonly now: Value; readonly proposed: Value }

const report = ({
  traffic,
  figures,
  outcome,
  args,
}: {
  traffic: Traffic
  figures: Sides<ConcurrencyFigures>
  outcome: Sides<ReadonlyMap<string, Played>>
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
      const rates = (traffic.rates.get(key) ?? []).slice(LEAD_SECONDS)
      table.push([
        ...[side === 'now' ? key : '', side],
        ...[count(setting?.reserved), count(setting?.provisioned), String(played.calls)],
        share(played.throttled / Math.max(1, played.calls)),
        setting?.reserved === undefined
          ? '-'
          : share(predicted(rates, played.durationMs?.mean ?? 0, setting.reserved)),
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
    `  Shared by functions without a reservation: ${figures.now.unreserved} now, ${figures.proposed.unreserved} proposed.`,
    `  Up to ${figure(Math.max(...totalRates(traffic)))} calls a second; seed ${args.seed}. Latency counts from the moment when a call was due.`,
    '  Predicted: the throttled share by Erlang’s formula over each second, with the durations that were seen in this run.',
    '  Ran and waited are over the whole run of the hub, its first cold seconds included.',
  ].join('\n')
}

/** The share over the whole window: each second's calls are refused by that second's load. */
const predicted = (rates: readonly number[], meanMs: number, reserved: number): number => {
  const calls = rates.reduce((sum, rate) => sum + rate, 0)
  const refused = rates.reduce((sum, rate) => {
    const { load } = demandOf([rate], {
      ...{ bucketSeconds: 1, meanSeconds: meanMs / 1_000, quantile: 0.5 },
    })
    return sum + rate * erlangB(load, reserved)
  }, 0)
  return calls === 0 ? 0 : refused / calls
}

const summary = (played: ReadonlyMap<string, Played>): string => {
  const all = [...played.values()]
  const sum = (of: (one: Played) => number) => all.reduce((total, one) => total + of(one), 0)
  const calls = sum((one) => one.calls)
  const worst = Math.max(0, ...all.map(({ latencyMs }) => latencyMs?.p99 ?? 0))
  return (
    `${calls} calls, ${sum((one) => one.throttled)} throttled, ${sum((one) => one.refused)} refused, ` +
    `${sum((one) => one.coldStarts)} cold starts, worst p99 ${figure(worst)} ms`
  )
}

const ms = (value: number | undefined): string => (value === undefined ? '-' : figure(value))
