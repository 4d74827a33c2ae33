import { functionKeyOf } from '../../../local/template/template.ts'
import { labelOf, STATISTICS, serviceOf } from './labels.ts'

/** What `get-metric-data` takes in one request. */
export const QUERIES_MAX = 500

/** As `--metric-data-queries` takes it. */
export type Query = {
  readonly Id: string
  readonly Label: string
  readonly MetricStat: {
    readonly Metric: {
      readonly Namespace: string
      readonly MetricName: string
      readonly Dimensions: readonly [{ readonly Name: 'FunctionName'; readonly Value: string }]
    }
    readonly Period: number
    readonly Stat: string
  }
}

/**
 * All that a plan wants to know of a stage's functions, in as many requests as it needs.
 *
 * @param names of the packaged functions; their stage is replaced.
 */
export const queriesFor = (
  names: readonly string[],
  { stage, periodSeconds }: { stage: string; periodSeconds: number },
): readonly (readonly Query[])[] => {
  const service = serviceOf(names[0] ?? '')
  const keys = names.map(functionKeyOf).toSorted()
  const queries = STATISTICS.flatMap((statistic) =>
    keys.map((key): Query => {
      const name = `${service}-${stage}-${key}`
      return {
        Id: `${key}_${statistic.metric}_${statistic.stat}`,
        Label: labelOf(name, statistic, periodSeconds),
        MetricStat: {
          Metric: {
            ...{ Namespace: 'AWS/Lambda', MetricName: statistic.metric },
            Dimensions: [{ Name: 'FunctionName', Value: name }],
          },
          ...{ Period: periodSeconds, Stat: statistic.stat },
        },
      }
    }),
  )
  return Array.from({ length: Math.ceil(queries.length / QUERIES_MAX) }, (_, part) =>
    queries.slice(part * QUERIES_MAX, (part + 1) * QUERIES_MAX),
  )
}

/**
 * One request as JSON, as it is given to the command line.
 *
 * @param part from 1; needed where there are several.
 * @throws an Error that says how many there are.
 */
export const printedQueries = (
  requests: readonly (readonly Query[])[],
  part: number | undefined,
): string => {
  if (part === undefined && requests.length > 1)
    throw new Error(
      `These are ${requests.length} requests of up to ${QUERIES_MAX} queries: give --part 1 to --part ${requests.length}.`,
    )
  const request = requests[(part ?? 1) - 1]
  if (!request) throw new Error(`--part: there are ${requests.length} requests.`)
  return JSON.stringify(request, undefined, 1)
}
