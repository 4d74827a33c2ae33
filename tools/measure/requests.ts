import { Agent, request } from 'undici'
import type { Campus } from './campus.ts'

/** One call of the public API. */
export type HubRequest = {
  readonly method: 'GET' | 'POST'
  readonly url: string
  readonly accessToken: string | undefined
  readonly body: unknown
}

/**
 * For each function behind the internal balancer the calls that stand for its traffic: a read and, where repeating one
 * does no harm, a write. Each is made anew, so that a write is a new one every time.
 */
export const requestsOf = (
  campus: Campus,
): Readonly<Record<string, readonly (() => HubRequest)[]>> => {
  const { url, courseId, lessonIds, assessmentId, certificateId, mediaId } = campus
  const get = (person: { accessToken: string }, path: string) => (): HubRequest => ({
    ...{ method: 'GET', url: `${url}${path}`, body: undefined },
    accessToken: person.accessToken,
  })
  const post =
    (
      person: { accessToken: string } | undefined,
      path: string,
      body: () => unknown = () => undefined,
    ) =>
    (): HubRequest => ({
      ...{ method: 'POST', url: `${url}${path}`, body: body() },
      accessToken: person?.accessToken,
    })
  const { learner, instructor, admin } = campus
  return {
    assessmentHttp: [
      get(learner, `/v1/assessments/${assessmentId}`),
      // Begins an attempt once, and then gives the one that is in progress.
      post(learner, `/v1/assessments/${assessmentId}/attempts`),
    ],
    authHttp: [
      post(undefined, '/v1/auth/sign-in', () => ({
        email: learner.email,
        password: learner.password,
        transport: 'body',
      })),
    ],
    certificateHttp: [
      get(learner, '/v1/certificates'),
      get(learner, `/v1/certificates/${certificateId}/verification`),
    ],
    contentHttp: [
      get(learner, `/v1/lessons/${lessonIds.text}`),
      get(learner, `/v1/lessons/${lessonIds.video}`),
    ],
    courseHttp: [
      get(learner, `/v1/courses/${courseId}`),
      get(learner, '/v1/courses'),
      post(instructor, '/v1/courses', () => ({ title: 'A draft' })),
    ],
    enrollmentHttp: [get(learner, '/v1/enrollments')],
    mediaHttp: [get(instructor, `/v1/media/${mediaId}`)],
    notificationHttp: [get(learner, '/v1/notifications')],
    organizationHttp: [get(learner, '/v1/organizations')],
    progressHttp: [
      get(learner, `/v1/progress/courses/${courseId}`),
      post(learner, `/v1/progress/courses/${courseId}/items/${lessonIds.text}/events`, () => ({
        kind: 'viewed',
        clientEventId: crypto.randomUUID(),
      })),
    ],
    rbacHttp: [get(admin, '/v1/access/permissions')],
    userHttp: [get(learner, '/v1/users/me')],
    videoProcessingHttp: [get(instructor, '/v1/videos')],
    videoStreamingHttp: [
      get(instructor, campus.previewPath),
      post(learner, '/v1/playback', () => ({ courseId, lessonId: lessonIds.video, mediaId })),
    ],
  }
}

const CONNECTIONS_MAX = 512
const TIMEOUT_MS = 60_000

export type Sender = {
  /** The status of the answer; 0 when there was none. */
  send(call: HubRequest): Promise<number>
  close(): Promise<void>
}

/** Sends without repeating anything: what is refused is counted, as the client of a load test must. */
export const openSender = (): Sender => {
  const agent = new Agent({ connections: CONNECTIONS_MAX, headersTimeout: TIMEOUT_MS })
  return {
    async send({ method, url, accessToken, body }) {
      try {
        const answer = await request(url, {
          dispatcher: agent,
          method,
          headers: {
            ...(accessToken && { authorization: `Bearer ${accessToken}` }),
            ...(body !== undefined && { 'content-type': 'application/json' }),
          },
          ...(body !== undefined && { body: JSON.stringify(body) }),
        })
        await answer.body.dump()
        return answer.statusCode
      } catch {
        return 0
      }
    },
    close: () => agent.close(),
  }
}
