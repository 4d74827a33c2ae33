import { setTimeout as delay } from 'node:timers/promises'
import type { Principal } from '../../../shared/http/caller.ts'
import type { Random } from '../../../tools/random.ts'
import { type Client, createClient, type Wanted } from '../client.ts'
import type { Operation } from '../history.ts'
import type { Campus } from './campus.ts'
import type { Course, Curriculum } from './curriculum.ts'

export type Load = {
  /** Operations of each actor; fewer where one gives up. */
  readonly operationsPerActor: number
  /** Between two operations of one actor, at most: people think. */
  readonly pauseMsMax?: number
}

/**
 * Everybody at once: learners who enrol, learn, take the quiz and leave, and staff who create. What each does next
 * depends on the seed and on the answers to their own calls.
 */
export const runLoad = async (
  campus: Campus,
  curriculum: Curriculum,
  { random, load, signal }: { random: Random; load: Load; signal: AbortSignal },
): Promise<void> => {
  const client = createClient(campus)
  const actors = [
    ...curriculum.learners.map((as, index) => ({ as, name: `learner${index}`, act: learn })),
    ...['author', 'examiner'].map((name) => ({ as: curriculum.teacher, name, act: author })),
  ]
  await Promise.all(
    actors.map(async ({ as, name, act }) => {
      const chance = random.fork(name)
      const self: Actor = {
        as,
        name,
        client,
        random: chance,
        curriculum,
        wanted: 0,
        stays: new Map(),
      }
      for (let done = 0; done < load.operationsPerActor && !signal.aborted; done += 1) {
        await act(self)
        const pauseMs = chance.int((load.pauseMsMax ?? 20) + 1)
        await delay(pauseMs)
      }
    }),
  )
}

type Actor = {
  readonly as: Principal
  readonly name: string
  readonly client: Client
  readonly random: Random
  readonly curriculum: Curriculum
  /** How many operations were asked for so far. */
  wanted: number
  /** The enrolments that this learner knows of, by course. */
  readonly stays: Map<string, string>
}

const want = (actor: Actor, wanted: Omit<Wanted, 'as' | 'id'>): Promise<Operation> => {
  actor.wanted += 1
  return actor.client.perform({ ...wanted, as: actor.as, id: `${actor.name}-${actor.wanted}` })
}

/** A name that says which operation made the thing: what is counted to find what happened twice. */
const nextName = (actor: Actor): string => `${actor.name}-${actor.wanted + 1}`

const learn = async (actor: Actor): Promise<void> => {
  const { random, curriculum, stays } = actor
  if (random.chance(0.15)) return claim(actor)
  const course = random.pick([curriculum.full, curriculum.coded])
  const enrollmentId = stays.get(course.courseId)
  if (enrollmentId === undefined) return enter(actor, course)
  const choice = random.int(10)
  if (choice < 3) return leave(actor, course, enrollmentId)
  if (choice < 6) return view(actor, course)
  return takeQuiz(actor, course)
}

const enter = async (actor: Actor, course: Course): Promise<void> => {
  const { full, coded } = actor.curriculum
  const operation =
    course === full
      ? await want(actor, {
          ...{ kind: 'enrol', method: 'POST', path: '/v1/enrollments' },
          body: { courseId: course.courseId },
          mayBeRefused: ['enrollment.full', 'enrollment.entitlements_full'],
        })
      : await want(actor, {
          ...{ kind: 'redeem', method: 'POST', path: '/v1/enrollments/redeem' },
          body: { code: coded.code },
          mayBeRefused: ['enrollment.code_used_up', 'enrollment.entitlements_full'],
        })
  if (operation.outcome === 'acknowledged')
    actor.stays.set(course.courseId, fieldOf(operation, 'enrollmentId'))
}

const leave = async (actor: Actor, course: Course, enrollmentId: string): Promise<void> => {
  const path = `/v1/enrollments/${enrollmentId}/leave`
  const { outcome } = await want(actor, { kind: 'leave', method: 'POST', path })
  if (outcome === 'acknowledged') actor.stays.delete(course.courseId)
}

const view = async (actor: Actor, { courseId, textLessonId }: Course): Promise<void> => {
  await want(actor, {
    ...{ kind: 'view', method: 'POST' },
    path: `/v1/progress/courses/${courseId}/items/${textLessonId}/events`,
    body: { clientEventId: actor.random.uuid(), kind: 'viewed' },
  })
}

const claim = async (actor: Actor): Promise<void> => {
  const { organizationId, licensed } = actor.curriculum
  await want(actor, {
    ...{ kind: 'claimSeat', method: 'POST' },
    path: `/v1/organizations/${organizationId}/licence-pools/${licensed.poolId}/claim`,
    mayBeRefused: ['organization.seats_exhausted'],
  })
}

const takeQuiz = async (actor: Actor, course: Course): Promise<void> => {
  const { assessmentId, questionId } = course
  const begun = await want(actor, {
    ...{ kind: 'startAttempt', method: 'POST', path: `/v1/assessments/${assessmentId}/attempts` },
    mayBeRefused: ['assessment.attempts_used_up'],
  })
  if (begun.outcome !== 'acknowledged') return
  const attemptId = fieldOf(begun, 'attemptId')
  const isTrue = actor.random.chance(0.5)
  await want(actor, {
    ...{
      kind: 'saveAnswers',
      method: 'PUT',
      path: `/v1/assessments/attempts/${attemptId}/answers`,
    },
    body: { answers: [{ questionId, answer: { kind: 'true_false', isTrue } }] },
    ifMatch: Number(fieldOf(begun, 'revision')),
    // A repetition finds its own save: the revision that it names is gone.
    mayBeRefused: ['assessment.revision_stale'],
  })
  await want(actor, {
    ...{ kind: 'submit', method: 'POST' },
    path: `/v1/assessments/attempts/${attemptId}/submit`,
  })
}

/** Codes end at a moment of their own by which they are told apart, long after the run. */
const FAR = Date.UTC(2100, 0)
const FAR_SPAN_MS = 1_000_000_000

const author = async (actor: Actor): Promise<void> => {
  const { random, curriculum } = actor
  const name = nextName(actor)
  const key = random.uuid()
  const { courseId } = curriculum.full
  const created = { method: 'POST', key }
  switch (random.int(4)) {
    case 0:
      await want(actor, {
        ...{ kind: 'createCourse', ...created, path: '/v1/courses' },
        body: { title: name },
      })
      return
    case 1:
      await want(actor, {
        ...{ kind: 'createLesson', ...created, path: '/v1/lessons' },
        body: { courseId, title: name },
      })
      return
    case 2:
      await want(actor, {
        ...{ kind: 'createQuestion', ...created, path: '/v1/assessments/questions' },
        body: {
          courseId,
          content: { kind: 'true_false', prompt: name, explanation: '', isTrue: true },
        },
      })
      return
    default:
      await want(actor, {
        ...{ kind: 'createCode', ...created },
        path: `/v1/enrollments/courses/${courseId}/codes`,
        body: { usesMax: 1, expiresAt: new Date(FAR + random.int(FAR_SPAN_MS)).toISOString() },
      })
  }
}

const fieldOf = ({ answer }: Operation, name: string): string =>
  String((answer as Readonly<Record<string, unknown>>)[name])
