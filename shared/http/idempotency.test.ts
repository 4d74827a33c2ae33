import { describe, expect, it } from '@jest/globals'
import * as z from 'zod'
import { course } from '../../functions/course/service.ts'
import { useDatabase } from '../../tests/support/database.ts'
import { somebody, useDoors } from '../../tests/support/door.ts'
import { defineContract } from '../contracts/define.ts'
import { DomainError } from '../kernel/errors.ts'
import { newId } from '../kernel/id.ts'
import { DAY_MS } from '../kernel/time.ts'

const lessonId = newId('lesson')
const lesson = { lessonId, revision: 1, title: 'One', notReady: null }
const database = useDatabase()
const hub = useDoors(database, course, {
  content: {
    listLessonReadiness: async () => ({
      items: [{ ...lesson, completion: { kind: 'viewed' as const } }],
    }),
  },
})

// Refuses by returning, and keeps what it wrote (decision 0003), until it is told to go on.
let isRefusing = true
const counting = useDoors(
  database,
  {
    contract: defineContract({
      service: 'course',
      prefix: '/v1/counting',
      title: 'Counting',
      operations: {
        count: {
          method: 'POST',
          path: '/',
          summary: 'Count a try',
          scope: 'account',
          status: 201,
          answer: z.strictObject({ isCounted: z.boolean() }),
          errors: ['counting.refused'],
          idempotency: 'required',
        },
      },
    }),
    routes: {
      async count({ tx }) {
        await tx
          .tables<{ inbox: { consumer: string; eventId: string } }>()
          .insertInto('inbox')
          .values({ consumer: 'counting', eventId: newId('event') })
          .execute()
        if (isRefusing) return new DomainError('conflict', 'counting.refused', 'Not yet.')
        return { isCounted: true }
      },
    },
    deps: () => ({}),
  },
  {},
)

// Without Latin letters the slug is made of the id: two courses of one title do not meet.
const title = '映画'

describe('an Idempotency-Key', () => {
  it('gives nothing of one organisation to the same person in another', async () => {
    const here = somebody('instructor')
    const there = { ...here, organizationId: newId('organization') }
    const create = (as: typeof here) =>
      hub.post('/v1/courses', { as, body: { title }, idempotencyKey: 'mine' })
    const first = await create(here)
    const second = await create(there)
    expect(second.status).toBe(201)
    expect(second.headers.get('idempotency-replayed')).toBeNull()
    expect(second.body.organizationId).toBe(there.organizationId)
    expect((await create(here)).body.courseId).toBe(first.body.courseId)
  })

  it('that is used again after its time is kept as long as at first', async () => {
    const as = somebody('instructor')
    const create = () => hub.post('/v1/courses', { as, body: { title }, idempotencyKey: 'again' })
    const first = await create()
    hub.clock.advanceMs(DAY_MS + 1)
    const second = await create()
    expect(second.status).toBe(201)
    expect(second.body.courseId).not.toBe(first.body.courseId)
    expect((await create()).body.courseId).toBe(second.body.courseId)
  })

  it('is free again after a refusal that was kept, and holds from the first success', async () => {
    const as = somebody('learner')
    const count = () => counting.post('/v1/counting', { as, idempotencyKey: 'try' })
    const counted = async () =>
      (await database.query(`select from course.inbox where consumer = 'counting'`)).length
    for (const tries of [1, 2]) {
      expect(await count()).toMatchObject({ status: 409, body: { code: 'counting.refused' } })
      expect(await counted()).toBe(tries)
    }
    isRefusing = false
    expect((await count()).status).toBe(201)
    expect((await count()).headers.get('idempotency-replayed')).toBe('true')
    expect(await counted()).toBe(3)
  })

  it('stands for a request with its If-Match: another revision is another request', async () => {
    const as = somebody('instructor')
    const { courseId } = (await hub.post('/v1/courses', { as, body: { title } })).body
    const modules = [{ title: 'One', items: [{ lessonId }] }]
    const { revision } = (
      await hub.put(`/v1/courses/${courseId}/outline`, { as, ifMatch: 1, body: { modules } })
    ).body
    const publish = (ifMatch: number) =>
      hub.post(`/v1/courses/${courseId}/publish`, { as, ifMatch, idempotencyKey: 'once' })
    expect((await publish(revision)).status).toBe(200)
    expect((await publish(revision)).headers.get('idempotency-replayed')).toBe('true')
    expect((await publish(revision + 1)).body.code).toBe('idempotency.key_reused')
  })
})
