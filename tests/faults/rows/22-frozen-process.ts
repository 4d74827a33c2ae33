import { pause } from '../../../shared/kernel/pulse.ts'
import type { Part } from '../campus/campus.ts'
import { runOnCampus } from '../campus/run.ts'
import type { FaultRow } from '../fault-row.ts'

/** Several times the lease and the session of the campus, so that others have long taken over. */
const FROZEN_MS = 6_000
const FREEZES = { slice: 2, long: 12 }
const OPERATIONS_BETWEEN = 20

/**
 * A publisher or a consumer is frozen in the middle of its work, loses its lease or its partitions to the other one,
 * and wakes up believing that it still holds them. What it then writes changes nothing.
 */
export const frozenProcess: FaultRow = {
  row: 22,
  name: 'a holder of a lease is frozen, and wakes up too late',
  run: (context) =>
    runOnCampus(context, {
      options: { publishers: 2, consumers: 2 },
      load: { operationsPerActor: 10_000, pauseMsMax: 100 },
      async strike(campus, { signal, endLoad }) {
        const random = context.random.fork('freezes')
        const freezes = FREEZES[context.isLong ? 'long' : 'slice']
        let faults = 0
        while (faults < freezes && !signal.aborted) {
          await campus.history.reached(
            campus.history.operations.length + OPERATIONS_BETWEEN,
            signal,
          )
          // One of each kind at once: each has another that takes over.
          const frozen = [random.pick(campus.publishers), random.pick(campus.consumers)]
          await freeze(frozen, signal)
          faults += frozen.length
        }
        endLoad()
        return { faults }
      },
    }),
}

const freeze = async (parts: readonly Part[], signal: AbortSignal) => {
  for (const part of parts) part.child().freeze()
  try {
    await pause(FROZEN_MS, signal)
  } finally {
    for (const part of parts) part.child().thaw()
  }
}
