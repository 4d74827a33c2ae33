import type { Random } from '../../tools/random.ts'
import type { Nursery } from './campus/nursery.ts'

/** What one run of a row is given. */
export type RowContext = {
  readonly seed: string
  readonly random: Random
  /** The long form: more operations and longer faults than in the slice that CI runs. */
  readonly isLong: boolean
  /** Aborted when the whole run is to end. */
  readonly signal: AbortSignal
  /** Made at the first use, for all runs. */
  nursery(): Promise<Nursery>
  /** Undone in the opposite order when the run has ended, however it ended. */
  defer(undo: () => Promise<void> | void): void
  say(line: string): void
}

/** What a run has found. A row fails by throwing, or by a violation. */
export type Outcome = {
  /** Acknowledged writes, or events, that the run followed to their end. */
  readonly followed: number
  /** How often the fault struck. */
  readonly faults: number
  readonly lost: number
  readonly doubled: number
  /** Every broken invariant in words; the first sentence names it (G1 to G5). */
  readonly violations: readonly string[]
  /** From the end of each fault to the moment when all was well again. */
  readonly healedMs: readonly number[]
  /** What else was measured, for the report. */
  readonly notes?: Readonly<Record<string, number | string>>
}

/** One row of the fault matrix. */
export type FaultRow = {
  readonly row: number
  readonly name: string
  /** A run that takes longer hangs; a quarter of an hour unless told otherwise. */
  readonly timeoutMs?: number
  run(context: RowContext): Promise<Outcome>
}

/** The row cannot run on this machine; the sentence says what it lacks. It fails: what did not run proves nothing. */
export class CannotRunError extends Error {
  override readonly name = 'CannotRunError'
}
