import type { FunctionFigures } from '../../measure/function-figures.ts'
import { REQUESTS_PER_CONCURRENCY } from '../limits.ts'
import {
  type ColdSettings,
  type ColdStarts,
  coldStartsOf,
  fewestWarm,
} from '../model/cold-starts.ts'
import { type Demand, demandOf, loadsOf } from '../model/demand.ts'
import { placesFor } from '../model/erlang.ts'
import { type Mix, mixOf, refusedShare, type Stream } from '../model/mix.ts'
import { fewestFrom } from '../model/search.ts'
import type { FunctionKind, Stack, StackFunction } from '../stack.ts'
import type { Traffic } from '../traffic/traffic.ts'
import { ESSENTIAL, type Targets, UTILISATION_MAX } from './policy.ts'

/** What one function asks for under the profile, whatever it is given. */
export type Need = {
  readonly of: StackFunction
  /** Whether durations were measured or given; else it is planned as if it did nothing. */
  readonly isMeasured: boolean
  readonly meanMs: number
  readonly initMs: number
  readonly demand: Demand
  /** How many it must be able to run at once. */
  readonly needed: number
  /** How many should be kept warm; 0 where none must. */
  readonly warm: number
  readonly stream: Stream
  /** The stream with places of its own. */
  readonly alone: Mix
}

export type NeedContext = {
  readonly stack: Stack
  readonly traffic: Traffic
  readonly figures: Readonly<Record<string, FunctionFigures>>
  readonly targets: Targets
}

export const needOf = (of: StackFunction, context: NeedContext): Need => {
  const { stack, traffic, figures, targets } = context
  const measured = figures[of.key]
  const meanMs = measured?.durationMs.mean ?? 0
  // The median: on one machine many imports at once wait for each other, which is no matter on AWS.
  const initMs = measured?.initMs?.p50 ?? 0
  const rates = traffic.rates.get(of.key) ?? []
  const loadMax = of.kind === 'consumer' ? partitionsOf(of.key, stack) : undefined
  const timing = { bucketSeconds: traffic.bucketSeconds, meanSeconds: meanMs / 1_000, loadMax }
  const demand = demandOf(rates, { ...timing, quantile: targets.quantile })
  const loads = loadsOf(rates, timing)
  const stream = { calls: rates, rates, loads, isAwaited: AWAITED.includes(of.kind), loadMax }
  const facts = { of, isMeasured: measured !== undefined, meanMs, initMs, demand, stream }
  const need = { ...facts, alone: mixOf([stream]) }
  const needed = Math.min(placesOf(need, targets), loadMax ?? Number.POSITIVE_INFINITY)
  const warm = warmFor({ ...need, needed }, { traffic, targets })
  return { ...need, warm, needed: Math.max(needed, warm) }
}

/**
 * Whose callers wait for the answer. What EventBridge and other functions call is queued by Lambda, and a consumer takes what
 * comes too fast in larger batches.
 */
const AWAITED: readonly FunctionKind[] = ['door', 'step']

/** A mapping has as many batches under way as its topic has partitions; what comes above that waits on the topic. */
const partitionsOf = (key: string, { subscriptions }: Stack): number =>
  subscriptions
    .filter(({ functionKey }) => functionKey === key)
    .reduce((sum, { partitions }) => sum + partitions, 0)

const placesOf = (
  { of, demand, alone }: Pick<Need, 'of' | 'demand' | 'alone'>,
  { headroom, throttledMax }: Targets,
): number => {
  const planned = demand.load * headroom
  if (of.kind !== 'door') return Math.ceil(planned / UTILISATION_MAX)
  const byPeak = Math.max(
    placesFor(planned, throttledMax),
    Math.ceil((demand.peakPerSecond * headroom) / REQUESTS_PER_CONCURRENCY),
  )
  // The quantile leaves moments out; their calls count all the same.
  return fewestFrom(byPeak, (places) => refusedShare(alone, places) <= throttledMax)
}

/** The fewest warm environments with which no busy minute has more cold calls than wanted; 0 where it needs none. */
const warmFor = (need: Omit<Need, 'warm'>, { traffic, targets }: Cold): number =>
  isEssential(need)
    ? fewestWarm(need.stream.rates, coldSettings(need, { traffic, targets }), targets.coldMax)
    : 0

/** An essential door that is called, and of which it is known how long it takes. */
export const isEssential = ({
  of,
  isMeasured,
  needed,
}: Pick<Need, 'of' | 'isMeasured' | 'needed'>): boolean =>
  ESSENTIAL.includes(of.key) && isMeasured && needed > 0

export const coldOf = (
  need: Pick<Need, 'stream' | 'meanMs' | 'initMs'>,
  { provisioned, ...context }: Cold & { readonly provisioned: number },
): ColdStarts => coldStartsOf(need.stream.rates, { ...coldSettings(need, context), provisioned })

type Cold = Pick<NeedContext, 'traffic' | 'targets'>

const coldSettings = (
  { meanMs, initMs }: Pick<Need, 'meanMs' | 'initMs'>,
  { traffic, targets }: Cold,
): ColdSettings => ({
  bucketSeconds: traffic.bucketSeconds,
  meanSeconds: meanMs / 1_000,
  initSeconds: initMs / 1_000,
  quantile: targets.quantile,
})
