import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as z from 'zod'
import { type Resource, readResources } from '../terraform/resources.ts'
import type { Metric } from './metric.ts'

/** An alarm as it was applied. */
export type Alarm = {
  /** Without the stage's prefix. */
  readonly name: string
  readonly arn: string
  readonly description: string
  readonly threshold: number
  readonly comparison: string
  readonly periods: number
  readonly badPeriods: number
  readonly periodSeconds: readonly number[]
  readonly expression: string | undefined
  readonly metrics: Readonly<Record<string, Metric>>
}

export type Widget = {
  readonly title: string
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
  readonly alarms: readonly string[]
  readonly metrics: readonly Metric[]
}

/** Widgets by the dashboard's name. */
export type Dashboards = ReadonlyMap<string, readonly Widget[]>

const queriesSchema = z.array(
  z.object({
    id: z.string(),
    expression: z.string().nullish(),
    metric: z.array(
      z.object({
        namespace: z.string(),
        metric_name: z.string(),
        dimensions: z.record(z.string(), z.string()).nullish(),
        period: z.number(),
      }),
    ),
  }),
)

const alarmSchema = z.object({
  alarm_name: z.string(),
  arn: z.string(),
  alarm_description: z.string(),
  threshold: z.number(),
  comparison_operator: z.string(),
  evaluation_periods: z.number(),
  datapoints_to_alarm: z.number(),
  metric_query: queriesSchema,
})

const widgetSchema = z.object({
  x: z.number(),
  y: z.number(),
  width: z.number(),
  height: z.number(),
  properties: z.object({
    title: z.string(),
    alarms: z.array(z.string()).default([]),
    metrics: z.array(z.array(z.unknown())).default([]),
  }),
})

const bodySchema = z.object({ widgets: z.array(widgetSchema) })

/** What the stage has applied of terraform/modules/observability. */
export const readApplied = (folder: string) => {
  const resources = readResources(readFileSync(join(folder, 'state.json'), 'utf8'))
  const of = (type: string) => resources.filter((resource) => resource.type === type)
  return {
    alarms: of('aws_cloudwatch_metric_alarm').map(alarmOf),
    dashboards: new Map(of('aws_cloudwatch_dashboard').map(dashboardOf)) as Dashboards,
  }
}

const alarmOf = ({ address, values }: Resource): Alarm => {
  const alarm = alarmSchema.parse(values)
  const queries = alarm.metric_query.flatMap(({ id, metric: [metric] }) =>
    metric ? [{ id, ...metric }] : [],
  )
  return {
    name: /\["(.+)"\]$/.exec(address)?.[1] ?? address,
    arn: alarm.arn,
    description: alarm.alarm_description,
    threshold: alarm.threshold,
    comparison: alarm.comparison_operator,
    periods: alarm.evaluation_periods,
    badPeriods: alarm.datapoints_to_alarm,
    periodSeconds: queries.map(({ period }) => period),
    expression: alarm.metric_query.find(({ expression }) => expression)?.expression ?? undefined,
    metrics: Object.fromEntries(
      queries.map(({ id, namespace, metric_name: name, dimensions }) => [
        id,
        { namespace, name, dimensions: dimensions ?? {} },
      ]),
    ),
  }
}

const dashboardOf = ({ values }: Resource): [string, readonly Widget[]] => [
  String(values.dashboard_name),
  bodySchema
    .parse(JSON.parse(String(values.dashboard_body)))
    .widgets.map(({ properties: { title, alarms, metrics }, ...place }) => ({
      ...place,
      ...{ title, alarms },
      metrics: metrics.map(metricOf),
    })),
]

/** `[namespace, name, key, value, …, { options }]`, as CloudWatch's dashboards write a metric. */
const metricOf = (entry: readonly unknown[]): Metric => {
  const [namespace = '', name = '', ...pairs] = entry
    .filter((part) => typeof part !== 'object')
    .map(String)
  const dimensions = pairs.flatMap((key, index) =>
    index % 2 === 0 ? [[key, pairs[index + 1] ?? ''] as const] : [],
  )
  return { namespace, name, dimensions: Object.fromEntries(dimensions) }
}
