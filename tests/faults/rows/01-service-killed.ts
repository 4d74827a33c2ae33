import { pause } from '../../../shared/kernel/pulse.ts'
import type { Part } from '../campus/campus.ts'
import { runOnCampus, type Struck } from '../campus/run.ts'
import { crashAgainAndAgain } from '../crashes.ts'
import type { FaultRow, RowContext } from '../fault-row.ts'

const DELAY_MS_MAX = 400

/**
 * The doors die in the middle of requests, one at chosen statements, both sides of a commit included, the other at any
 * moment at all. A third stands, so that there is always one to ask again.
 */
export const serviceKilled: FaultRow = {
  row: 1,
  name: 'a service is killed in the middle of requests',
  run: (context) =>
    runOnCampus(context, {
      options: { doors: 3 },
      async strike({ doors }, { signal }) {
        const [stepwise, anytime] = await Promise.all([
          crashAgainAndAgain(doors.slice(0, 1), {
            ...{ context, signal },
            crashes: { slice: 8, long: 100 },
            armedBy: '^begin',
            stepsMax: 40,
          }),
          killAnytime(doors.slice(1, 2), { context, signal, kills: { slice: 8, long: 100 } }),
        ])
        return {
          faults: stepwise.faults + anytime.faults,
          healedMs: [...(stepwise.healedMs ?? []), ...(anytime.healedMs ?? [])],
        }
      },
    }),
}

const killAnytime = async (
  doors: readonly Part[],
  options: {
    readonly context: RowContext
    readonly signal: AbortSignal
    readonly kills: { readonly slice: number; readonly long: number }
  },
): Promise<Struck> => {
  const { context, signal } = options
  const random = context.random.fork('kills')
  const killsMax = options.kills[context.isLong ? 'long' : 'slice']
  const healedMs: number[] = []
  while (healedMs.length < killsMax && !signal.aborted) {
    const door = random.pick(doors)
    await pause(random.int(DELAY_MS_MAX), signal)
    await door.child().kill()
    const startedAt = performance.now()
    await door.restart()
    healedMs.push(Math.round(performance.now() - startedAt))
  }
  return { faults: healedMs.length, healedMs }
}
