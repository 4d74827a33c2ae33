import { beforeAll, describe, expect, it } from '@jest/globals'
import { sql } from 'kysely'
import { SWEEP_GRACE_MS } from '../../../functions/assessment/jobs.ts'
import { assessment } from '../../../functions/assessment/service.ts'
import type { Database } from '../../../shared/db/open.ts'
import type { Principal } from '../../../shared/http/caller.ts'
import { mount } from '../../../shared/http/mount.ts'
import { DomainError } from '../../../shared/kernel/errors.ts'
import { newId } from '../../../shared/kernel/id.ts'
import { SECOND_MS } from '../../../shared/kernel/time.ts'
import { silentLog } from '../../../shared/observe/logger.ts'
import { type FakeClock, fakeClock } from '../../support/clock.ts'
import { useDatabase } from '../../support/database.ts'
import { somebody } from '../../support/door.ts'
import { doorsOf } from './doors.ts'
import type { Actor } from './simulator.ts'
import { type Scenario, SIMULATION_TIMEOUT_MS, useSimulations } from './world.ts'

const LIMIT_SECONDS = 60
const SAVES = 3

const database = useDatabase()
const simulations = useSimulations(database)
const organizationId = newId('organization')
const teacher = somebody('admin', { organizationId })
const courseId = newId('course')
let own: Database
let assessmentId: string
let questionId: string

const unknown = async () => {
  throw new DomainError('not_found', 'course.not_found', '')
}
const deps = { course: { getCourse: unknown }, enrollment: { getOwnAccess: unknown } } as never

type Answer = {
  readonly status: number
  // A simulation knows what it asked for.
  // biome-ignore lint/suspicious/noExplicitAny: see above
  readonly body: any
}

/** The HTTP door as one actor reaches it. */
const httpOf = async (actor: Actor | undefined, clock: FakeClock, as: Principal) => {
  const app = mount({
    contract: assessment.contract,
    routes: assessment.routes,
    deps,
    database: actor ? await actor.database(own) : own,
    verifyToken: async () => ({ kind: 'account', principal: as }),
    clock: clock.now,
    log: silentLog,
  })
  return async (
    method: string,
    path: string,
    { body, ifMatch }: { body?: object; ifMatch?: number } = {},
  ): Promise<Answer> => {
    const response = await app.fetch(
      new Request(`http://hub/v1/assessments${path}`, {
        method,
        headers: {
          ...{ 'x-hub-token': 'simulated', 'content-type': 'application/json' },
          ...(ifMatch !== undefined && { 'if-match': `"${ifMatch}"` }),
        },
        ...(body && { body: JSON.stringify(body) }),
      }),
    )
    return { status: response.status, body: await response.json() }
  }
}

beforeAll(async () => {
  own = database.as('assessment', { connectionsMax: 20 })
  await database.query(
    `insert into assessment.course_refs values ($1, $2, 'Course', 'public', $3, null, null, 1)`,
    [courseId, organizationId, [teacher.accountId]],
  )
  const call = await httpOf(undefined, fakeClock(), teacher)
  const content = { kind: 'numeric', prompt: 'How many?', explanation: '', value: String(SAVES) }
  const question = await call('POST', '/questions', { body: { courseId, content } })
  questionId = question.body.questionId
  const made = await call('POST', '/', {
    body: {
      ...{ courseId, title: 'Quiz', timeLimitSeconds: LIMIT_SECONDS },
      sections: [{ questionIds: [questionId] }],
    },
  })
  assessmentId = made.body.assessmentId
})

/** What the learner was told, across the deaths of whoever served them. */
type Script = { saved: number; revision: number; attemptId: string | undefined }

/** Begins, saves 1, 2, 3 … and hands in; what got no answer is asked again. */
const learn = async (actor: Actor, learner: Principal, clock: FakeClock, script: Script) => {
  const call = await httpOf(actor, clock, learner)
  if (script.attemptId === undefined) {
    const { status, body } = await call('POST', `/${assessmentId}/attempts`)
    // Begun by a call whose answer was lost, and handed in at its deadline since.
    if (body?.code === 'assessment.attempts_used_up') return
    if (status !== 200) throw new Error(`the start was answered ${status}`)
    script.attemptId = body.attemptId
    script.revision = body.revision
  }
  while (script.saved < SAVES) {
    const answer = { kind: 'numeric', value: String(script.saved + 1) }
    const { status, body } = await call('PUT', `/attempts/${script.attemptId}/answers`, {
      body: { answers: [{ questionId, answer }] },
      ifMatch: script.revision,
    })
    // The time is over, or somebody has handed it in.
    if (status !== 200) break
    script.saved += 1
    script.revision = body.revision
  }
  await call('POST', `/attempts/${script.attemptId}/submit`)
}

const sweep = async (actor: Actor, clock: FakeClock, rounds: number) => {
  const held = await actor.database(own)
  const doors = doorsOf(assessment, { database: held, clock: clock.now, deps })
  for (let round = 0; round < rounds; round += 1) await doors.job('submitOverdue')
}

const scenario: Scenario = async (simulation) => {
  const clock = fakeClock()
  const learner = somebody('learner', { organizationId })
  await database.query(
    `insert into assessment.learner_access values ($1, $2, $3, $4, $5, '2026-01-01', null, true, 1)`,
    [newId('enrollment'), courseId, learner.accountId, organizationId, newId('courseVersion')],
  )
  const script: Script = { saved: 0, revision: 0, attemptId: undefined }
  simulation.spawn({
    ...{ name: 'learner', isMortal: true },
    run: (actor) => learn(actor, learner, clock, script),
  })
  for (const name of ['sweeper0', 'sweeper1'])
    simulation.spawn({ name, isMortal: true, run: (actor) => sweep(actor, clock, 3) })
  simulation.spawn({
    ...{ name: 'time', isMortal: false },
    async run(actor) {
      for (let passed = 0; passed < 6; passed += 1)
        await actor.step(async () => clock.advanceMs(actor.random.int(25) * SECOND_MS))
    },
  })
  await simulation.run()
  clock.advanceMs(LIMIT_SECONDS * SECOND_MS + SWEEP_GRACE_MS)
  simulation.spawn({
    ...{ name: 'healer', isMortal: false },
    run: (actor) => sweep(actor, clock, 1),
  })
  await simulation.run()
  return judge(script, learner)
}

const judge = async (script: Script, { accountId }: Principal): Promise<readonly string[]> => {
  const violations: string[] = []
  const [attempt] = await database.query(
    `select attempt_id as id, state, answer ->> 'value' as value, grade_basis_points as grade, submitted_by as by,
       submitted_at = deadline as "isAtDeadline"
     from assessment.attempts join assessment.attempt_items using (attempt_id)
     where account_id = $1`,
    [accountId],
  )
  if (attempt?.state !== 'released') violations.push(`it is ${attempt?.state}, not released`)
  if (Number(attempt?.value ?? 0) < script.saved)
    violations.push(`${script.saved} was saved and ${attempt?.value} counted`)
  const earned = Number(attempt?.value ?? 0) === SAVES ? 10_000 : 0
  if (attempt?.grade !== earned) violations.push(`graded ${attempt?.grade} instead of ${earned}`)
  if (attempt?.by === 'deadline' && !attempt.isAtDeadline)
    violations.push('what the deadline handed in was not handed in at the deadline')
  for (const type of ['attempt.submitted', 'attempt.graded']) {
    const [told] = await database.query<{ n: number }>(
      `select count(*)::int as n from assessment.outbox
       where envelope ->> 'type' = $1 and envelope -> 'data' ->> 'attemptId' = $2`,
      [type, attempt?.id],
    )
    if (told?.n !== 1) violations.push(`${type} was told ${told?.n} times`)
  }
  return violations
}

describe('learner, sweepers and deadline together', () => {
  it(
    'hand in once, with every answer that was acknowledged, whoever dies when',
    async () => {
      expect(await simulations.firstBroken(scenario)).toBeUndefined()
    },
    SIMULATION_TIMEOUT_MS,
  )
})

describe('the simulation', () => {
  it(
    'finds an answer that was acknowledged and lost',
    async () => {
      const planted: Scenario = async (simulation) => {
        simulation.spawn({
          ...{ name: 'thief', isMortal: false },
          async run(actor) {
            const { kysely } = await actor.database(own)
            for (let times = 0; times < 30; times += 1)
              await sql`select set_config('hub.tenant', '*', false)`
                .execute(kysely)
                .then(() => sql`update assessment.attempt_items set answer = null`.execute(kysely))
          },
        })
        return scenario(simulation)
      }
      const told = await simulations.firstBroken(planted, 40)
      expect(told?.violations.join()).toMatch(/was saved|graded/)
    },
    SIMULATION_TIMEOUT_MS,
  )
})
