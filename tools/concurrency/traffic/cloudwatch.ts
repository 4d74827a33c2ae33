import { functionKeyOf } from '../../../local/template/template.ts'
import type { FunctionFigures } from '../../measure/function-figures.ts'
import { sumOf } from '../model/sum.ts'
import { type Deployed, type Point, readExports, type Series } from './export.ts'
import type { Traffic } from './traffic.ts'

/** Lambda's metrics are no finer. */
const MINUTE_SECONDS = 60
/** A month of minutes. */
const BUCKETS_MAX = 44_640
/** More than any account may call. */
const CALLS_PER_SECOND_MAX = 1_000_000

/** Means of equal numbers may differ in the last digit. */
const ROUNDING = 1 + 1e-9

export type Metrics = {
  readonly traffic: Traffic
  /** Of functions whose durations were exported too, by key. */
  readonly durations: ReadonlyMap<string, ExportedDurations>
  /** When the last period began. */
  readonly measuredAt: string
}

export type ExportedDurations = Pick<FunctionFigures, 'invocations' | 'durationMs'> & {
  readonly refuse: Series['refuse']
}

/**
 * Reads what `aws cloudwatch get-metric-data` answers to the queries of `--print-queries`, or to others whose label is
 * the function's name and whose values are `Invocations` (statistic `Sum`). Where CloudWatch has no value, nothing was
 * invoked.
 *
 * @param periodSeconds as it was asked for, where labels do not tell.
 * @throws InputError with file and line of what is wrong, or missing.
 */
export const readMetrics = async (
  files: readonly string[],
  { periodSeconds, ...deployed }: Deployed & { readonly periodSeconds: number | undefined },
): Promise<Metrics> => {
  const series = await readExports(files, deployed)
  const calls = series.filter(({ statistic }) => statistic.metric === 'Invocations')
  const [one] = series as [Series]
  if (calls.every(({ points }) => points.length === 0))
    one.refuse('there are no values of Invocations')
  const period = periodOf(series, periodSeconds)
  const seconds = calls.flatMap(({ points }) => points.map(({ second }) => second))
  const first = least(seconds)
  const buckets = (most(seconds) - first) / period + 1
  if (buckets > BUCKETS_MAX) one.refuse(`there are more than ${BUCKETS_MAX} periods`)
  const rates = new Map(
    calls.map(({ key, points }) => {
      const rate = Array.from({ length: buckets }, () => 0)
      for (const point of points) rate[(point.second - first) / period] = rateOf(point, period)
      return [key, rate]
    }),
  )
  const durations = durationsOf(series)
  const name = files.join(', ')
  return {
    traffic: {
      ...{ name, bucketSeconds: period, covers: 'all', rates },
      notes: [
        `${calls.length} functions of ${one.stage} over ${buckets} periods of ${period} s from ${name}.`,
        ...(period > MINUTE_SECONDS
          ? ['Periods above a minute average bursts away: export with a period of 60.']
          : []),
        ...missingNotes(
          deployed.names.map(functionKeyOf).filter((key) => !rates.has(key)),
          'Not in the export, and planned as if nobody called them',
        ),
      ],
    },
    durations,
    measuredAt: new Date(most(seconds) * 1_000).toISOString(),
  }
}

const missingNotes = (keys: readonly string[], what: string): readonly string[] =>
  keys.length === 0 ? [] : [`${what}: ${keys.toSorted().join(', ')}.`]

const rateOf = ({ value, refuse }: Point, period: number): number => {
  const rate = value / period
  if (rate > CALLS_PER_SECOND_MAX)
    refuse(`${value} calls in ${period} s are more than there can be`)
  return rate
}

/**
 * The period that was asked for, which an answer does not tell: what somebody says, or else the greatest common divisor
 * of all gaps. That is certain where it is a minute. Where it is more, minutes without calls look like longer periods,
 * and a plan on them would be for a fraction of the calls.
 */
const periodOf = (series: readonly Series[], given: number | undefined): number => {
  const labelled = series.filter(({ periodSeconds }) => periodSeconds !== undefined)
  const stated = given ?? labelled[0]?.periodSeconds
  for (const { periodSeconds, refuse } of labelled)
    if (periodSeconds !== stated)
      refuse(`this has a period of ${periodSeconds} s, not of ${stated}`)
  const points = series.flatMap((one) => one.points)
  const first = least(points.map(({ second }) => second))
  if (stated !== undefined) {
    for (const { second, refuse } of points)
      if ((second - first) % stated !== 0)
        refuse(`${second - first} s after the first is between periods of ${stated} s`)
    return stated
  }
  const gap = points.reduce((divisor, { second }) => gcd(divisor, second - first), 0)
  const [last] = points.slice(-1) as [Point]
  if (gap === 0) last.refuse('one moment does not tell the period of its values; give --period')
  if (gap % MINUTE_SECONDS !== 0)
    last.refuse(`values are ${gap} s apart, and metrics of Lambda come by the minute`)
  if (gap > MINUTE_SECONDS)
    last.refuse(
      `values are ${gap} s apart, which may be their period or minutes without calls; give --period`,
    )
  return gap
}

const gcd = (one: number, other: number): number => {
  let [larger, smaller] = [one, other]
  while (smaller > 0) [larger, smaller] = [smaller, larger % smaller]
  return larger
}

/** Of each function with all statistics of `Duration`: their means over its calls. */
const durationsOf = (series: readonly Series[]): ReadonlyMap<string, ExportedDurations> => {
  const durations = new Map<string, ExportedDurations>()
  for (const [key, own] of Map.groupBy(series, (one) => one.key)) {
    const of = (stat: Series['statistic']['stat']) =>
      own.find(({ statistic }) => statistic.stat === stat)
    const exported = own.find(({ statistic }) => statistic.metric === 'Duration')
    if (!exported) continue
    const { refuse } = exported
    const missing = (['Sum', 'Average', 'p50', 'p95', 'p99'] as const).find((stat) => !of(stat))
    if (missing)
      refuse(`${key} has durations and no ${missing}; export what --print-queries prints`)
    const calls = new Map(of('Sum')?.points.map(({ second, value }) => [second, value]))
    const invocations = sumOf([...calls.values()])
    const ms = (stat: 'Average' | 'p50' | 'p95' | 'p99') => weighted(of(stat)?.points ?? [], calls)
    // Nobody called it, so that nothing was to be timed.
    if (invocations === 0 || exported.points.length === 0) continue
    const durationMs = { mean: ms('Average'), p50: ms('p50'), p95: ms('p95'), p99: ms('p99') }
    if (Object.values(durationMs).some(Number.isNaN)) continue
    const { p50, p95, p99 } = durationMs
    if (Math.max(p50, p95) > p99 * ROUNDING)
      refuse(`of ${key} p50 (${p50}) or p95 (${p95}) is above p99 (${p99})`)
    durations.set(key, { invocations, durationMs, refuse })
  }
  return durations
}

/** The mean over calls. Of a mean it is the mean; of quantiles it is near theirs, and in the same order. */
const weighted = (points: readonly Point[], calls: ReadonlyMap<number, number>): number => {
  const weights = points.map(({ second }) => calls.get(second) ?? 0)
  const sum = sumOf(points.map(({ value }, index) => value * (weights[index] ?? 0)))
  return sum / sumOf(weights)
}

const least = (values: readonly number[]) => values.reduce((one, other) => Math.min(one, other))
const most = (values: readonly number[]) => values.reduce((one, other) => Math.max(one, other))
