import { MetricUnit } from '@aws-lambda-powertools/metrics'
import type { MetricUnit as Unit } from '@aws-lambda-powertools/metrics/types'
import type { EventType } from '../../shared/events/registry.ts'

/** What the business counts, by the event that says it happened. Every event passes here once, so it is counted here. */
const BUSINESS_METRICS: Partial<Record<EventType, string>> = {
  'enrollment.activated': 'Enrolments',
  'progress.course_completed': 'Completions',
  'video.ready': 'Transcodes',
  'video.failed': 'TranscodesFailed',
  'certificate.issued': 'Certificates',
}

/** As powertools' `Metrics` takes a value. */
export type MetricSink = {
  addMetric(name: string, unit: Unit, value: number): unknown
}

export const silentMetrics: MetricSink = { addMetric: () => {} }

export type PublisherMetrics = {
  /** Counts what has left an outbox; repeats are not told. */
  published(types: readonly string[]): void
  /** For how long the oldest event has been waiting. Alarms take silence for the worst. */
  oldestWait(seconds: number): void
}

export const createPublisherMetrics = (metrics: MetricSink): PublisherMetrics => ({
  published: (types) => {
    metrics.addMetric('EventsPublished', MetricUnit.Count, types.length)
    for (const [name, those] of Map.groupBy(types, businessMetricOf))
      if (name) metrics.addMetric(name, MetricUnit.Count, those.length)
  },
  oldestWait: (seconds) => metrics.addMetric('OutboxOldestWait', MetricUnit.Seconds, seconds),
})

const businessMetricOf = (type: string): string | undefined =>
  Object.hasOwn(BUSINESS_METRICS, type) ? BUSINESS_METRICS[type as EventType] : undefined
