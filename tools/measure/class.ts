import { setTimeout as delay } from 'node:timers/promises'
import { openApi } from '../../local/demo/api.ts'
import { meet } from '../../local/demo/people.ts'
import { rightAnswers } from '../../local/demo/quiz.ts'
import { until } from '../../local/demo/until.ts'
import { assessmentContract } from '../../shared/contracts/assessment.ts'
import { certificateContract } from '../../shared/contracts/certificate.ts'
import { contentContract } from '../../shared/contracts/content.ts'
import { enrollmentContract } from '../../shared/contracts/enrollment.ts'
import { progressContract } from '../../shared/contracts/progress.ts'
import { videoStreamingContract } from '../../shared/contracts/video-streaming.ts'
import type { Campus } from './campus.ts'

/** A heartbeat of a player; the hub takes no more watched time than wall clock allows. */
const BEAT_MS = 1_000
const BEATS = 4

/**
 * A learner of the class, from signing up to passing the quiz: enrols, watches a while, reads, answers.
 *
 * @param name also the local part of the address.
 */
export const attendClass = async (campus: Campus, name: string): Promise<void> => {
  const { url, courseId, lessonIds, mediaId, assessmentId } = campus
  const { api } = await meet({ api: openApi(url), url }, { name, email: `${name}@hub.localhost` })
  await until(`${name} to be enrolled`, () =>
    api.call(enrollmentContract, 'enrolSelf', { body: { courseId } }).catch(whileRefused),
  )
  const playback = await until(`${name} to be let in`, () =>
    api
      .call(videoStreamingContract, 'startPlayback', {
        body: { courseId, lessonId: lessonIds.video, mediaId },
      })
      .catch(whileRefused),
  )
  for (let sequence = 1; sequence <= BEATS; sequence += 1) {
    await delay(BEAT_MS)
    const endMs = sequence * BEAT_MS
    await api.call(videoStreamingContract, 'sendHeartbeat', {
      params: { playbackId: playback.playbackId },
      body: {
        ...{ sequence, positionMs: endMs, playbackRate: 1, isLast: sequence === BEATS },
        intervals: [{ startMs: endMs - BEAT_MS, endMs }],
      },
    })
  }
  await api.call(contentContract, 'getLesson', { params: { lessonId: lessonIds.text } })
  await until(`${name}'s progress to be there`, () =>
    api
      .call(progressContract, 'recordItem', {
        params: { courseId, lessonId: lessonIds.text },
        body: { kind: 'viewed', clientEventId: crypto.randomUUID() },
      })
      .catch(whileRefused),
  )
  const attempt = await api.call(assessmentContract, 'startAttempt', { params: { assessmentId } })
  const params = { attemptId: attempt.attemptId }
  const body = { answers: rightAnswers(attempt) }
  await api.call(assessmentContract, 'saveAnswers', { params, body }, { ifMatch: attempt.revision })
  await api.call(assessmentContract, 'submitAttempt', { params })
  await api.call(progressContract, 'getOwnProgress', { params: { courseId } })
  await api.call(certificateContract, 'listOwnCertificates')
}

/** What travels by events may be refused for a moment. */
const whileRefused = (error: unknown): undefined => {
  const status = error instanceof Error && 'status' in error ? Number(error.status) : 0
  if (![403, 404, 409, 422, 503].includes(status)) throw error
}
