import { pause } from '../../shared/kernel/pulse.ts'
import type { Random } from '../../tools/random.ts'
import type { Part } from './campus/campus.ts'
import type { Struck } from './campus/run.ts'
import type { RowContext } from './fault-row.ts'
import type { CrashPlan } from './processes/crash-point.ts'

/** A plan that no work ever reaches is given up after so long, and the next one is tried. */
const PLAN_TIMEOUT_MS = 20_000

/**
 * Starts one of the parts with a plan to die at a step, waits until it has, and goes on with the next, until the load
 * has ended. In the end all run without a plan.
 *
 * @param armedBy see `CrashPlan`.
 */
export const crashAgainAndAgain = async (
  parts: readonly Part[],
  options: {
    readonly context: RowContext
    readonly signal: AbortSignal
    readonly crashes: { readonly slice: number; readonly long: number }
    readonly armedBy: string
    readonly stepsMax: number
  },
): Promise<Struck> => {
  const { context, signal, armedBy, stepsMax } = options
  const random = context.random.fork('crashes')
  const crashesMax = options.crashes[context.isLong ? 'long' : 'slice']
  const healedMs: number[] = []
  let faults = 0
  while (faults < crashesMax && !signal.aborted) {
    const part = random.pick(parts)
    await part.restart(planFrom(random, { armedBy, stepsMax }))
    const ended = new AbortController()
    void part.child().exited.then(() => ended.abort())
    await pause(PLAN_TIMEOUT_MS, AbortSignal.any([signal, ended.signal]))
    if (part.child().isRunning()) continue
    faults += 1
    const startedAt = performance.now()
    await part.restart()
    healedMs.push(Math.round(performance.now() - startedAt))
  }
  // One that still has a plan would die in the quiet that is to come.
  for (const part of parts) await part.restart()
  return { faults, healedMs }
}

export const planFrom = (
  random: Random,
  { armedBy, stepsMax }: { armedBy: string; stepsMax: number },
): CrashPlan => ({
  armedBy,
  step: 1 + random.int(stepsMax),
  side: random.pick(['before', 'after']),
})
