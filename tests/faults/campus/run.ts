import { awaitQuiet } from '../checks/backlog.ts'
import type { Outcome, RowContext } from '../fault-row.ts'
import { judge } from '../invariants.ts'
import { type Campus, type CampusOptions, openCampus } from './campus.ts'
import { type Curriculum, foundCurriculum } from './curriculum.ts'
import { type Load, runLoad } from './workload.ts'

/** What a fault did while the load ran. */
export type Struck = {
  readonly faults: number
  readonly healedMs?: readonly number[]
  readonly violations?: readonly string[]
  readonly notes?: Outcome['notes']
}

export type StrikeParts = {
  /** Aborted when the load has ended. */
  readonly signal: AbortSignal
  readonly curriculum: Curriculum
  /** Ends the load: for faults that take their own time. */
  endLoad(): void
}

export type CampusRun = {
  readonly options?: Omit<CampusOptions, 'nursery'>
  readonly load?: Partial<Load>
  readonly learners?: number
  /**
   * The faults, while the load runs.
   *
   * @param signal aborted when the load has ended: what was struck is healed, and nothing new begins.
   */
  strike(campus: Campus, parts: StrikeParts): Promise<Struck>
  /** Some records are meant to be parked; what waits for them does not balance yet. */
  readonly mayPark?: boolean
  /** Codes with which anything may be refused while this fault lasts. */
  readonly mayRefuse?: readonly string[]
  /** What else must hold once all is quiet. */
  after?(campus: Campus, curriculum: Curriculum): Promise<readonly string[]>
}

const LEARNERS = 6
const OPERATIONS_PER_ACTOR = { slice: 25, long: 120 }

const QUIET_TIMEOUT_MS = 90_000

const quietly = async <Result>(campus: Campus, work: () => Promise<Result> | undefined) => {
  await awaitQuiet(campus, QUIET_TIMEOUT_MS)
  return work()
}

/** Load, faults, healing, quiescence, and the judgement: the course of every row on the campus. */
export const runOnCampus = async (context: RowContext, run: CampusRun): Promise<Outcome> => {
  const campus = await openCampus(context, { nursery: await context.nursery(), ...run.options })
  const curriculum = await foundCurriculum(campus, run.learners ?? LEARNERS)
  const [loaded, enough] = [new AbortController(), new AbortController()]
  const signal = AbortSignal.any([context.signal, enough.signal])
  const load: Load = {
    operationsPerActor: OPERATIONS_PER_ACTOR[context.isLong ? 'long' : 'slice'],
    ...run.load,
  }
  const { random } = context
  const [struck] = await Promise.all([
    run.strike(campus, { signal: loaded.signal, curriculum, endLoad: () => enough.abort() }),
    runLoad(campus, curriculum, {
      random: random.fork('load'),
      load,
      signal,
    }).finally(() => loaded.abort()),
  ])
  // What was parked is taken up again before the books are balanced.
  const early = run.mayPark ? await quietly(campus, () => run.after?.(campus, curriculum)) : []
  const judged = await judge(campus, {
    mayPark: run.mayPark ?? false,
    mayRefuse: run.mayRefuse ?? [],
  })
  const late = run.mayPark ? [] : await run.after?.(campus, curriculum)
  const none = struck.faults === 0 ? ['no fault struck: the run proves nothing'] : []
  const more = [...(early ?? []), ...(late ?? []), ...none]
  return {
    followed: judged.followed,
    faults: struck.faults,
    lost: judged.lost,
    doubled: judged.doubled,
    violations: [...judged.violations, ...(struck.violations ?? []), ...more],
    healedMs: struck.healedMs ?? [judged.quietMs],
    ...(struck.notes && { notes: struck.notes }),
  }
}
