import type { Finding } from '../plan/findings.ts'
import type { FunctionPlan, Plan } from '../plan/plan.ts'
import type { Targets } from '../plan/policy.ts'
import type { Connections, Consumption } from '../plan/shared.ts'
import type { Traffic } from '../traffic/traffic.ts'

/** Everything that a report shows. */
export type Study = {
  readonly traffic: Traffic
  readonly targets: Targets
  readonly plan: Plan
  readonly connections: Connections
  readonly consumption: readonly Consumption[]
  readonly findings: readonly Finding[]
  /** Where durations come from: when, how, on what. */
  readonly durations: string
}

export const count = (value: number | undefined): string =>
  value === undefined ? '-' : String(value)

/** Three figures, as far as they are there. */
export const figure = (value: number): string =>
  value === 0 ? '0' : value >= 100 ? value.toFixed(0) : String(Number(value.toPrecision(3)))

/** A share; what is smaller than a millionth is said to be so. */
export const share = (value: number): string =>
  value === 0 ? '0' : value < 1e-6 ? '<0.0001 %' : `${Number((value * 100).toPrecision(2))} %`

export const dollars = (value: number): string => `$${value.toFixed(2)}`

/** `5 > 12`, or just one of them where nothing changes. */
export const change = (now: number | undefined, proposed: number | undefined): string =>
  now === proposed ? count(now) : `${count(now)} > ${count(proposed)}`

/** A busiest moment so many times the peak is worth a word. */
const FAR_APART = 2

/** Calls a second at the peak, and of the busiest moment where that is another matter. */
export const peak = ({ demand: { peakPerSecond, mostPerSecond } }: FunctionPlan): string =>
  mostPerSecond > FAR_APART * peakPerSecond
    ? `${figure(peakPerSecond)} (most ${figure(mostPerSecond)})`
    : figure(peakPerSecond)

/** What the quantile leaves out, a sentence for each function. */
export const warnings = ({ plan, targets, traffic }: Study): readonly string[] =>
  plan.functions
    .filter(({ demand }) => demand.mostPerSecond > FAR_APART * demand.peakPerSecond)
    .map(
      ({ of, demand }) =>
        `${of.key} is planned for ${figure(demand.peakPerSecond)} calls a second, and its busiest ${traffic.bucketSeconds} s ` +
        `have ${figure(demand.mostPerSecond)} a second: they are among the ${share(1 - targets.quantile)} of the calls that ` +
        '--quantile leaves out.',
    )

/** The model, for whoever wants to check it. */
export const modelNotes = ({
  quantile,
  throttledMax,
  coldMax,
  headroom,
}: Targets): readonly string[] => [
  `Demand: Little's law at what ${quantile * 100} % of the calls meet: calls per second x mean duration = erlangs (run at once, on average).`,
  `Burst: erlangs + z x square root of erlangs, the normal approximation of a Poisson number.`,
  `Needed, doors: the fewest places with which Erlang's loss formula refuses at most ${share(throttledMax)} of ${headroom} times the demand, and a tenth of the calls per second.`,
  `Needed, others: ${headroom} times the demand at 80 % use, and a consumer no more than its partitions; their calls wait or are repeated.`,
  `Throttled: the share of all calls of the profile. Each second's are refused by that second's load, of whatever shares the places.`,
  `Reserved: nobody else can have them, and the function gets no more. One is proposed only where what is shared would not be enough for ${headroom} times the demand, and as far as the others keep what they need.`,
  `Cold: new environments over calls; kept warm until the worst busy minute has at most ${share(coldMax)}.`,
]

/** The busiest door's rate over the profile, for a small picture. @param points at most. */
export const outline = ({ rates }: Traffic, key: string, points: number): readonly number[] => {
  const series = rates.get(key) ?? []
  const size = Math.max(1, Math.ceil(series.length / points))
  return Array.from({ length: Math.ceil(series.length / size) }, (_, index) =>
    Math.max(...series.slice(index * size, (index + 1) * size)),
  )
}
