import { readFile } from 'node:fs/promises'
import * as z from 'zod'
import { functionKeyOf } from '../../../local/template/template.ts'
import { InputError, lineOfPath, parseJson } from '../../measure/input-error.ts'
import type { Traffic } from './traffic.ts'

const metricsSchema = z.looseObject({
  MetricDataResults: z
    .array(
      z.looseObject({
        /** The function's name: what `--metric-data-queries` give as Label. */
        Label: z.string().min(1),
        Timestamps: z.array(z.string()),
        Values: z.array(z.number().nonnegative()),
      }),
    )
    .min(1),
})

const MINUTE_SECONDS = 60
/** A month of minutes. */
const BUCKETS_MAX = 44_640

/**
 * Reads what `aws cloudwatch get-metric-data` answers for the metric `Invocations` (statistic `Sum`) of several functions, each
 * labelled with its function's name. The period is the shortest distance of two values; where CloudWatch has no value,
 * nothing was invoked.
 *
 * @param keys the functions of the packaged template.
 * @throws InputError with the line of what is wrong.
 */
export const readMetrics = async (file: string, keys: ReadonlySet<string>): Promise<Traffic> => {
  const text = await readFile(file, 'utf8').catch(() => {
    throw new InputError({ file }, 'the file cannot be read')
  })
  const refuse = (path: readonly PropertyKey[], reason: string): never => {
    throw new InputError({ file, line: lineOfPath(text, path) }, reason)
  }
  const result = metricsSchema.safeParse(parseJson(text, file))
  if (!result.success) {
    const [issue] = result.error.issues
    return refuse(issue?.path ?? [], `${issue?.path.join('.') || 'the file'}: ${issue?.message}`)
  }
  const series = result.data.MetricDataResults.map(({ Label, Timestamps, Values }, index) => {
    const at = ['MetricDataResults', index] as const
    const key = functionKeyOf(Label)
    if (!keys.has(key)) refuse([...at, 'Label'], `${Label} is no function of the packaged template`)
    if (Timestamps.length !== Values.length)
      refuse([...at, 'Values'], `${Timestamps.length} times and ${Values.length} values`)
    const points = Timestamps.map((time, place) => {
      const second = Date.parse(time) / 1_000
      if (Number.isNaN(second)) refuse([...at, 'Timestamps', place], `"${time}" is no time`)
      return { second, value: Values[place] ?? 0 }
    })
    return { key, points }
  })
  const seconds = [...new Set(series.flatMap(({ points }) => points.map(({ second }) => second)))]
  if (seconds.length === 0) return refuse(['MetricDataResults'], 'there are no values')
  const { first, period, buckets } = gridOf(seconds)
  if (buckets > BUCKETS_MAX) refuse(['MetricDataResults'], `more than ${BUCKETS_MAX} periods`)
  const rates = new Map<string, number[]>()
  for (const { key, points } of series) {
    const of = rates.get(key) ?? Array.from({ length: buckets }, () => 0)
    for (const { second, value } of points) {
      const bucket = Math.round((second - first) / period)
      of[bucket] = (of[bucket] ?? 0) + value / period
    }
    rates.set(key, of)
  }
  return {
    ...{ name: file, bucketSeconds: period, covers: 'all', rates },
    notes: [
      `${series.length} metrics over ${buckets} periods of ${period} s from ${file}.`,
      ...(period > MINUTE_SECONDS
        ? ['Periods above a minute average bursts away: export with a period of 60.']
        : []),
    ],
  }
}

const gridOf = (seconds: readonly number[]) => {
  const sorted = seconds.toSorted((one, other) => one - other)
  const gaps = sorted.slice(1).map((second, index) => second - (sorted[index] ?? 0))
  const period = gaps.length === 0 ? MINUTE_SECONDS : Math.min(...gaps)
  const [first = 0, last = 0] = [sorted[0], sorted.at(-1)]
  return { first, period, buckets: Math.round((last - first) / period) + 1 }
}
