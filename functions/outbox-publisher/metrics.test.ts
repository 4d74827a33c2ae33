import { describe, expect, it } from '@jest/globals'
import { createPublisherMetrics } from './metrics.ts'

describe('the publisher’s metrics', () => {
  const recorded = () => {
    const added: [string, string, number][] = []
    const metrics = createPublisherMetrics({
      addMetric: (...metric: [string, string, number]) => added.push(metric),
    })
    return { metrics, added }
  }

  it('count what the business asks for by its name, and all else as events alone', () => {
    const { metrics, added } = recorded()
    metrics.published([
      ...['enrollment.activated', 'course.created', 'enrollment.activated'],
      ...['certificate.issued', 'progress.course_completed', 'video.ready', 'video.failed'],
      ...['record.parked', 'constructor'],
    ])
    expect(added).toEqual([
      ['EventsPublished', 'Count', 9],
      ['Enrolments', 'Count', 2],
      ['Certificates', 'Count', 1],
      ['Completions', 'Count', 1],
      ['Transcodes', 'Count', 1],
      ['TranscodesFailed', 'Count', 1],
    ])
  })

  it('tell the wait in seconds', () => {
    const { metrics, added } = recorded()
    metrics.oldestWait(61.5)
    expect(added).toEqual([['OutboxOldestWait', 'Seconds', 61.5]])
  })
})
