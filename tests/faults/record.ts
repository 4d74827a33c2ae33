import { appendFile, mkdir } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import type { FaultRow, Outcome } from './fault-row.ts'

/** Where every run's outcome is kept, outside the tree. `HUB_FAULTS` names another place. */
export const recordsFolder: string =
  process.env.HUB_FAULTS ??
  join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'learning-hub', 'faults')

export const recordsFile: string = join(recordsFolder, 'runs.jsonl')

/** One line of the file: what docs/reliability.md is made of. */
export type RunRecord = Outcome & {
  readonly row: number
  readonly name: string
  readonly seed: string
  readonly isLong: boolean
  readonly at: string
}

export const recordRun = async ({
  row,
  seed,
  isLong,
  outcome,
}: {
  row: FaultRow
  seed: string
  isLong: boolean
  outcome: Outcome
}): Promise<void> => {
  const record: RunRecord = {
    ...{ row: row.row, name: row.name, seed, isLong, at: new Date().toISOString() },
    ...outcome,
  }
  await mkdir(recordsFolder, { recursive: true })
  await appendFile(recordsFile, `${JSON.stringify(record)}\n`)
}
