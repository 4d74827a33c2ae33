import { functionKeyOf } from '../../../local/template/template.ts'

/** Statistics of `AWS/Lambda` that a plan reads. */
export const STATISTICS = [
  { metric: 'Invocations', stat: 'Sum' },
  { metric: 'Duration', stat: 'Average' },
  { metric: 'Duration', stat: 'p50' },
  { metric: 'Duration', stat: 'p95' },
  { metric: 'Duration', stat: 'p99' },
] as const

export type Statistic = (typeof STATISTICS)[number]

/** What the label of a result tells. */
export type Label = {
  readonly functionName: string
  readonly statistic: Statistic
  /** Undefined where only the function is named. */
  readonly periodSeconds: number | undefined
}

/**
 * CloudWatch answers a label and values, and nothing of what they are: so the label says it
 * (`learning-hub-prod-courseHttp Duration p99 60`).
 */
export const labelOf = (
  functionName: string,
  { metric, stat }: Statistic,
  periodSeconds: number,
): string => `${functionName} ${metric} ${stat} ${periodSeconds}`

/** A label as {@link labelOf} writes it, or a function's name alone: its invocations. */
export const readLabel = (label: string): Label | undefined => {
  const [functionName = '', metric = 'Invocations', stat = 'Sum', period, ...more] =
    label.split(' ')
  const statistic = STATISTICS.find((one) => one.metric === metric && one.stat === stat)
  const isPeriod = period === undefined || /^[1-9]\d{0,5}$/.test(period)
  if (!statistic || !isPeriod || more.length > 0) return undefined
  return { functionName, statistic, periodSeconds: period === undefined ? period : Number(period) }
}

/** A stack's service, as the names of its packaged functions begin (`learning-hub` of `learning-hub-dev-courseHttp`). */
export const serviceOf = (functionName: string): string =>
  functionName.split('-').slice(0, -2).join('-')

/** `prod` of `learning-hub-prod-courseHttp`; undefined for a function of another service. */
export const stageOf = (functionName: string, service: string): string | undefined => {
  const ending = `-${functionKeyOf(functionName)}`
  return functionName.startsWith(`${service}-`)
    ? functionName.slice(service.length + 1, -ending.length) || undefined
    : undefined
}
