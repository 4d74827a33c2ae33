import * as z from 'zod'
import { functionKeyOf } from '../../../local/template/template.ts'
import { InputError, lineOfPath, parseJson } from '../../measure/input-error.ts'
import { readText } from '../../measure/read-text.ts'
import { readLabel, type Statistic, serviceOf, stageOf } from './labels.ts'
import { momentOf } from './moment.ts'

const messages = z.array(z.looseObject({ Code: z.string(), Value: z.string() })).optional()

const exportSchema = z.looseObject({
  MetricDataResults: z
    .array(
      z.looseObject({
        Id: z.string().optional(),
        Label: z.string().min(1),
        Timestamps: z.array(z.string()),
        Values: z.array(z.number().nonnegative()),
        StatusCode: z.string().optional(),
        Messages: messages,
      }),
    )
    .min(1),
  NextToken: z.string().nullish(),
  Messages: messages,
})

export type Point = {
  readonly second: number
  readonly value: number
  /** @throws InputError that names the point's file and line. */
  readonly refuse: Refuse
}

/** One statistic of one function. */
export type Series = {
  readonly key: string
  readonly stage: string
  readonly statistic: Statistic
  /** As its label tells. */
  readonly periodSeconds: number | undefined
  readonly points: readonly Point[]
  readonly refuse: Refuse
}

export type Refuse = (reason: string) => never

/** What may be exported. */
export type Deployed = {
  /** Of the packaged template; the stage in them does not matter. */
  readonly names: readonly string[]
  /** The only one that may be exported, if it is known. */
  readonly stage: string | undefined
}

/**
 * Reads answers of `aws cloudwatch get-metric-data`, several files as if they were one. Nothing that is incomplete is
 * taken: calls that are missing look like calls that were not made.
 *
 * @throws InputError with file and line.
 */
export const readExports = async (
  files: readonly string[],
  deployed: Deployed,
): Promise<readonly Series[]> => {
  const parts: Part[] = []
  for (const file of files) parts.push(...(await partsOf(file, deployed)))
  const series = [...Map.groupBy(parts, ({ group }) => group).values()].map(joined)
  refuseRepeated(series)
  refuseStages(series, deployed.stage)
  return series
}

/** A result. The command line asks page after page and leaves them side by side: those of one group are one series. */
type Part = Series & { readonly group: unknown; readonly status: string }

const COMPLETE = 'Complete'

const partsOf = async (file: string, { names }: Deployed): Promise<readonly Part[]> => {
  const text = await readText(file)
  const refuseAt =
    (path: readonly PropertyKey[]): Refuse =>
    (reason) => {
      throw new InputError({ file, line: lineOfPath(text, path) }, reason)
    }
  const result = exportSchema.safeParse(parseJson(text, file))
  if (!result.success) {
    const [issue] = result.error.issues
    return refuseAt(issue?.path ?? [])(`${issue?.path.join('.') || 'the file'}: ${issue?.message}`)
  }
  const { MetricDataResults, NextToken, Messages = [] } = result.data
  if (NextToken)
    refuseAt(['NextToken'])(
      'there is more behind NextToken; export without --no-paginate and --max-items',
    )
  refuseMessages(Messages, refuseAt(['Messages']))
  const keys = new Set(names.map(functionKeyOf))
  const service = serviceOf(names[0] ?? '')
  return MetricDataResults.map((one, index): Part => {
    const at = ['MetricDataResults', index] as const
    const refuse = refuseAt([...at, 'Label'])
    refuseMessages(one.Messages ?? [], refuseAt([...at, 'Messages']))
    const label =
      readLabel(one.Label) ??
      refuse(`"${one.Label}" is no label that --print-queries gives, nor a function's name`)
    const { functionName } = label
    const key = functionKeyOf(functionName)
    const stage =
      stageOf(functionName, service) ?? refuse(`${functionName} is no function of ${service}`)
    if (!keys.has(key)) refuse(`${functionName} is no function of the packaged template`)
    return {
      ...{ key, stage, refuse, statistic: label.statistic, periodSeconds: label.periodSeconds },
      points: pointsOf(one, (place) => refuseAt([...at, ...place])),
      group: one.Id === undefined ? refuse : `${one.Id} ${one.Label}`,
      status: one.StatusCode ?? COMPLETE,
    }
  })
}

const refuseMessages = (
  [message]: readonly { readonly Code: string; readonly Value: string }[],
  refuse: Refuse,
): void => {
  if (message) refuse(`CloudWatch says ${message.Code}: ${message.Value.replace(/\.$/, '')}`)
}

const pointsOf = (
  { Timestamps, Values }: { Timestamps: readonly string[]; Values: readonly number[] },
  refuseAt: (place: readonly PropertyKey[]) => Refuse,
): readonly Point[] => {
  if (Timestamps.length !== Values.length)
    refuseAt(['Values'])(`${Timestamps.length} times and ${Values.length} values`)
  return Timestamps.map((time, place) => {
    const second = momentOf(time) / 1_000
    if (Number.isNaN(second)) refuseAt(['Timestamps', place])(`"${time}" is no time`)
    // Found again only if it is needed: looking for a line reads the whole file.
    const refuse: Refuse = (reason) => refuseAt(['Values', place])(reason)
    return { second, value: Values[place] ?? 0, refuse }
  })
}

const joined = (parts: readonly Part[]): Series => {
  const last = parts.at(-1) as Part
  if (last.status !== COMPLETE)
    last.refuse(`this is ${last.status}, not all of it; export it again`)
  const points = parts.flatMap((part) => part.points)
  const seen = new Set<number>()
  for (const { second, refuse } of points) {
    if (seen.has(second)) refuse(`${new Date(second * 1_000).toISOString()} comes twice`)
    seen.add(second)
  }
  return { ...last, points }
}

const refuseRepeated = (series: readonly Series[]): void => {
  const seen = new Set<string>()
  for (const { key, statistic, refuse } of series) {
    const what = `${statistic.metric} (${statistic.stat}) of ${key}`
    if (seen.has(what)) refuse(`${what} comes twice`)
    seen.add(what)
  }
}

const refuseStages = (series: readonly Series[], given: string | undefined): void => {
  const wanted = given ?? series[0]?.stage
  for (const { key, stage, refuse } of series)
    if (stage !== wanted) refuse(`${key} is of stage ${stage}, not of ${wanted}`)
}
