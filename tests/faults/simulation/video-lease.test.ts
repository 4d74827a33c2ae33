import { beforeAll, describe, expect, it } from '@jest/globals'
import { videoIdOf } from '../../../functions/video-processing/domain/processing.ts'
import { videoProcessing } from '../../../functions/video-processing/service.ts'
import type { Executions } from '../../../functions/video-processing/settings.ts'
import type { Work } from '../../../functions/video-processing/store.ts'
import type { Database } from '../../../shared/db/open.ts'
import { newId, type VideoId } from '../../../shared/kernel/id.ts'
import { MINUTE_MS } from '../../../shared/kernel/time.ts'
import { hold, type StepInput } from '../../../workflows/video-processing/steps/hold.ts'
import { publish } from '../../../workflows/video-processing/steps/publish.ts'
import { type FakeClock, fakeClock } from '../../support/clock.ts'
import { useDatabase } from '../../support/database.ts'
import { doorsOf, envelopeOf } from './doors.ts'
import type { Actor, Simulation } from './simulator.ts'
import { type Scenario, SIMULATION_TIMEOUT_MS, useSimulations } from './world.ts'

const database = useDatabase()
const simulations = useSimulations(database)
let own: Database
beforeAll(() => {
  own = database.as('video-processing', { connectionsMax: 20 })
})

const source = { durationMs: 5_000, widthPx: 640, heightPx: 360, hasAudio: true }
const WORK: readonly Work[] = [
  { stage: 'probing', source },
  { stage: 'transcoding', percent: 50 },
  {
    stage: 'verifying',
    percent: 95,
    output: {
      ...{ masterPlaylist: 'master.m3u8', captionsRevision: 0, poster: 'p', sprite: 's' },
      ...{ thumbnails: 't', startTicks: 0, durationMs: 5_000 },
    },
  },
]

/** Step Functions as far as the lease needs it: a name starts once, and what was given up may still be running. */
const simulateExecutions = (
  simulation: Simulation,
  { clock, isDeaf }: { clock: FakeClock; isDeaf: boolean },
) => {
  const states = new Map<string, 'running' | 'over'>()
  const run = async (actor: Actor, input: StepInput) => {
    const held = await actor.database(own)
    const { call } = doorsOf(videoProcessing, { database: held, clock: clock.now, deps: never })
    for (const work of WORK) await hold(input, work, call())
    await publish(input, call(), never)
    states.set(input.executionName, 'over')
  }
  const executionsOf = (actor: Actor): Executions => ({
    start: ({ videoId, version, traceparent, executionName }) =>
      actor.step(async () => {
        const known = states.get(executionName)
        if (known) return known
        states.set(executionName, 'running')
        const input = { videoId, version, traceparent, executionName }
        simulation.spawn({
          ...{ name: executionName, isMortal: false },
          // The machine of the execution gives up at the first error, as the state machine's Catch does.
          run: (one) =>
            run(one, input).catch(() => {
              states.set(executionName, 'over')
            }),
        })
        return 'running'
      }),
    state: (executionName) =>
      actor.step(async () => (isDeaf ? 'running' : (states.get(executionName) ?? 'absent'))),
    stop: (executionName) => actor.step(async () => void states.set(executionName, 'over')),
    cancelJob: () => actor.step(async () => {}),
  })
  return { states, executionsOf }
}

// The steps under test take nothing of it.
const never = undefined as never

const scenarioWith =
  ({ isDeaf = false }: { isDeaf?: boolean } = {}): Scenario =>
  async (simulation) => {
    const clock = fakeClock()
    const { states, executionsOf } = simulateExecutions(simulation, { clock, isDeaf })
    const mediaId = newId('media')
    const videoId = videoIdOf(mediaId)
    const uploaded = uploadOf(mediaId)
    const doorsFor = async (actor: Actor) =>
      doorsOf(videoProcessing, {
        database: await actor.database(own),
        clock: clock.now,
        deps: { storage: never, executions: executionsOf(actor) },
      })
    for (const name of ['consumer0', 'consumer1'])
      simulation.spawn({
        ...{ name, isMortal: true },
        run: async (actor) => void (await (await doorsFor(actor)).take(uploaded)),
      })
    const recover = async (actor: Actor, rounds: number) => {
      const doors = await doorsFor(actor)
      for (let round = 0; round < rounds; round += 1) await doors.job('recover')
    }
    for (const name of ['recoverer0', 'recoverer1'])
      simulation.spawn({ name, isMortal: true, run: (actor) => recover(actor, 3) })
    simulation.spawn({
      ...{ name: 'time', isMortal: false },
      async run(actor) {
        for (let passed = 0; passed < 5; passed += 1)
          await actor.step(async () => {
            clock.advanceMs(actor.random.int(15) * MINUTE_MS)
            // Given up by Step Functions, though its step may still be at work: a zombie.
            for (const [name] of states) if (actor.random.chance(0.3)) states.set(name, 'over')
          })
      },
    })
    await simulation.run()
    for (let round = 0; round < ROUNDS_MAX; round += 1) {
      clock.advanceMs(20 * MINUTE_MS)
      simulation.spawn({ name: 'healer', isMortal: false, run: (actor) => recover(actor, 1) })
      await simulation.run()
    }
    return judge(videoId)
  }

/** More than executions that may take over. */
const ROUNDS_MAX = 4

const uploadOf = (mediaId: ReturnType<typeof newId<'media'>>) => {
  const organizationId = newId('organization')
  return envelopeOf({
    ...{ id: newId('event'), type: 'media.uploaded', organizationId, at: '2026-03-01T10:00:00Z' },
    data: {
      ...{ mediaId, organizationId, ownerId: newId('account'), kind: 'video', bucket: 'media' },
      ...{ contentType: 'video/mp4', sizeBytes: 1_000, sha256: 'a'.repeat(64), key: 'k' },
    },
  })
}

const judge = async (videoId: VideoId): Promise<readonly string[]> => {
  const violations: string[] = []
  const [run] = await database.query(
    `select state, executions from video_processing.processings where video_id = $1`,
    [videoId],
  )
  const told = await database.query<{ type: string; n: number }>(
    `select envelope ->> 'type' as type, count(*)::int as n from video_processing.outbox
     where aggregate_id = $1 group by 1`,
    [videoId],
  )
  const counts = Object.fromEntries(told.map(({ type, n }) => [type, n]))
  if (counts['video.processing_started'] !== 1)
    violations.push(`started ${counts['video.processing_started']} times`)
  const ended = (counts['video.ready'] ?? 0) + (counts['video.failed'] ?? 0)
  if (ended !== 1) violations.push(`ended ${ended} times: ${JSON.stringify(counts)}`)
  if (run?.state !== 'ready' && run?.state !== 'failed') violations.push(`it is ${run?.state}`)
  if ((run?.executions ?? 0) > 3) violations.push(`${run?.executions} executions took over`)
  return violations
}

describe('the lease of a video run', () => {
  it(
    'lets one execution end it, once, whoever dies, freezes or is given up when',
    async () => {
      expect(await simulations.firstBroken(scenarioWith())).toBeUndefined()
    },
    SIMULATION_TIMEOUT_MS,
  )
})

describe('the simulation', () => {
  it(
    'finds a recovery that takes every run for running',
    async () => {
      const told = await simulations.firstBroken(scenarioWith({ isDeaf: true }), 40)
      expect(told?.violations.join()).toMatch(/ended 0 times/)
    },
    SIMULATION_TIMEOUT_MS,
  )
})
