import { beforeAll, describe, expect, it } from '@jest/globals'
import type { Executions } from '../../../functions/certificate/commands/executions.ts'
import { executionNameOf } from '../../../functions/certificate/domain/certificate.ts'
import { linksOf } from '../../../functions/certificate/domain/credential.ts'
import { certificate } from '../../../functions/certificate/service.ts'
import { openCredentials } from '../../../functions/certificate/settings.ts'
import type { Database } from '../../../shared/db/open.ts'
import { newId } from '../../../shared/kernel/id.ts'
import { MINUTE_MS } from '../../../shared/kernel/time.ts'
import type { StepDeps, StepInput } from '../../../workflows/certificate-issuance/steps/hold.ts'
import { steps } from '../../../workflows/certificate-issuance/workflow.ts'
import { type FakeClock, fakeClock } from '../../support/clock.ts'
import { useDatabase } from '../../support/database.ts'
import { doorsOf, envelopeOf } from './doors.ts'
import type { Actor, Simulation } from './simulator.ts'
import { type Scenario, SIMULATION_TIMEOUT_MS, useSimulations } from './world.ts'

const database = useDatabase()
const simulations = useSimulations(database)
let own: Database

const links = linksOf('https://hub.example')
const credentials = openCredentials({ links, encryptionKey: new Uint8Array(32).fill(7) })
// Printing and storing are not simulated: what they give is only carried along.
const stepDeps = {
  ...{ links, credentials },
  printer: { print: async () => new Uint8Array([1]) },
  storage: { bucket: 'b', s3: { send: async () => ({}) } },
} as unknown as StepDeps

const ORDER = ['checkRule', 'snapshot', 'render', 'sign', 'issue'] as const
const organizationId = newId('organization')
const courseId = newId('course')
const versionId = newId('courseVersion')

beforeAll(async () => {
  own = database.as('certificate', { connectionsMax: 20 })
  await database.query(
    `insert into certificate.versions (version_id, course_id, organization_id, number, title,
       certificate_rule, graded_by)
     values ($1, $2, $3, 1, 'Course', '{"kind":"on_completion","gradeBasisPointsMin":0,"validDays":null}', '{}')`,
    [versionId, courseId, organizationId],
  )
})

/** Step Functions as far as one certificate needs it: a name starts once; a step runs again when its answer is lost. */
const simulateExecutions = (simulation: Simulation, clock: FakeClock) => {
  const states = new Map<string, 'running' | 'over'>()
  const run = async (actor: Actor, input: StepInput) => {
    const held = await actor.database(own)
    const { call } = doorsOf(certificate, { database: held, clock: clock.now, deps: never })
    for (const name of ORDER) await steps[name](input, call(), stepDeps)
  }
  const executionsOf = (actor: Actor): Executions => ({
    start: (one) =>
      actor.step(async () => {
        const executionName = executionNameOf(one)
        if (states.has(executionName)) return
        states.set(executionName, 'running')
        const { certificateId, traceparent } = one
        const input = {
          certificateId,
          organizationId: one.organizationId,
          executionName,
          traceparent,
        }
        simulation.spawn({
          ...{ name: executionName, isMortal: true },
          run: (life) =>
            run(life, input).then(
              () => void states.set(executionName, 'over'),
              () => void states.set(executionName, 'over'),
            ),
        })
      }),
    state: (one) => actor.step(async () => states.get(executionNameOf(one)) ?? 'absent'),
  })
  return { states, executionsOf }
}

const never = undefined as never

/** @param ids of events that tell of the same completion: each may come often. */
const scenarioWith =
  ({ ids = 1, isForgetful = false }: { ids?: number; isForgetful?: boolean } = {}): Scenario =>
  async (simulation) => {
    const clock = fakeClock()
    const accountId = newId('account')
    await database.query(
      `insert into certificate.people (account_id, name, email, sequence) values ($1, 'Ada', null, 1)`,
      [accountId],
    )
    const { states, executionsOf } = simulateExecutions(simulation, clock)
    const completed = Array.from({ length: ids }, () => completionOf(accountId))
    const doorsFor = async (actor: Actor) =>
      doorsOf(certificate, {
        database: await actor.database(own),
        clock: clock.now,
        deps: { executions: executionsOf(actor), credentials, links } as never,
      })
    for (const name of ['consumer0', 'consumer1', 'consumer2'])
      simulation.spawn({
        ...{ name, isMortal: true },
        async run(actor) {
          const doors = await doorsFor(actor)
          for (const envelope of completed) await doors.take(envelope)
        },
      })
    const recover = async (actor: Actor, rounds: number) => {
      const doors = await doorsFor(actor)
      for (let round = 0; round < rounds; round += 1) await doors.job('recover')
    }
    for (const name of ['recoverer0', 'recoverer1'])
      simulation.spawn({ name, isMortal: true, run: (actor) => recover(actor, 2) })
    simulation.spawn({
      ...{ name: 'time', isMortal: false },
      async run(actor) {
        for (let passed = 0; passed < 4; passed += 1)
          await actor.step(async () => {
            clock.advanceMs(actor.random.int(3) * MINUTE_MS)
            for (const [name] of states) if (actor.random.chance(0.3)) states.set(name, 'over')
          })
      },
    })
    await simulation.run()
    if (isForgetful) await database.query('delete from certificate.outbox')
    for (let round = 0; round < 4; round += 1) {
      clock.advanceMs(3 * MINUTE_MS)
      simulation.spawn({ name: 'healer', isMortal: false, run: (actor) => recover(actor, 1) })
      await simulation.run()
    }
    return judge(accountId)
  }

const completionOf = (accountId: string) =>
  envelopeOf({
    ...{ id: newId('event'), type: 'progress.course_completed', organizationId },
    at: '2026-03-01T10:00:00Z',
    data: {
      ...{ enrollmentId: newId('enrollment'), accountId, courseId, organizationId, versionId },
      completedAt: '2026-03-01T10:00:00.000Z',
    },
  })

const judge = async (accountId: string): Promise<readonly string[]> => {
  const rows = await database.query<{ state: string; told: number }>(
    `select state, (select count(*)::int from certificate.outbox o
       where o.aggregate_id = c.certificate_id and o.envelope ->> 'type' = 'certificate.issued') as told
     from certificate.certificates c where account_id = $1`,
    [accountId],
  )
  const [only] = rows
  return [
    ...(rows.length === 1 ? [] : [`${rows.length} certificates`]),
    ...(only?.state === 'issued' ? [] : [`it is ${only?.state}`]),
    ...(only?.told === 1 ? [] : [`certificate.issued was told ${only?.told} times`]),
  ]
}

describe('a completed course', () => {
  it(
    'earns one certificate, issued once, whoever dies when and however often it is told',
    async () => {
      expect(await simulations.firstBroken(scenarioWith({ ids: 2 }))).toBeUndefined()
    },
    SIMULATION_TIMEOUT_MS,
  )
})

describe('the simulation', () => {
  it(
    'finds a certificate whose issue was not told',
    async () => {
      const told = await simulations.firstBroken(scenarioWith({ isForgetful: true }), 20)
      expect(told?.violations.join()).toMatch(/told 0 times/)
    },
    SIMULATION_TIMEOUT_MS,
  )
})
