import { spawnSync } from 'node:child_process'
import { mkdtemp, open, rm, statfs } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pause } from '../../../shared/kernel/pulse.ts'
import type { Campus } from '../campus/campus.ts'
import { runOnCampus } from '../campus/run.ts'
import { CannotRunError, type FaultRow, type RowContext } from '../fault-row.ts'
import { rateOver, untilAcknowledged } from '../measure.ts'

const DISK_MEGABYTES = 320
const FULL_MS = { slice: 3_000, long: 15_000 }
const FILLS = { slice: 1, long: 5 }
const BLOCK_BYTES = 1_048_576

/**
 * The database's disk fills up to the last byte under load, and is given room again. Writes are refused meanwhile, or
 * the database stops itself; nothing that was acknowledged is lost, and nothing is torn.
 */
export const diskFull: FaultRow = {
  row: 13,
  name: 'the disk of the database is full',
  async run(context) {
    const folder = await smallDisk(context)
    return runOnCampus(context, {
      options: { durable: true, folder: join(folder, 'postgres') },
      load: { operationsPerActor: 10_000 },
      async strike(campus, { signal, endLoad }) {
        const healedMs: number[] = []
        const fills = FILLS[context.isLong ? 'long' : 'slice']
        const random = context.random.fork('fills')
        while (healedMs.length < fills && !signal.aborted) {
          const { operations } = campus.history
          await campus.history.reached(operations.length + 20 + random.int(20), signal)
          const ballast = await fill(folder)
          await rateOver(campus, { ms: FULL_MS[context.isLong ? 'long' : 'slice'], signal })
          await rm(ballast)
          await startIfStopped(campus, signal)
          healedMs.push(await untilAcknowledged(campus))
        }
        endLoad()
        const told = campus.history.operations.flatMap(({ attempts }) => attempts)
        const refused = told.filter(({ status }) => status === 503).length
        return { faults: healedMs.length, healedMs, notes: { refusedWith503: refused } }
      },
    })
  },
}

const smallDisk = async (context: RowContext): Promise<string> => {
  if (process.getuid?.() !== 0)
    throw new CannotRunError('Row 13 mounts a small disk, which only root may: run it as root.')
  const folder = await mkdtemp(join(tmpdir(), 'hub-disk-'))
  const size = `size=${DISK_MEGABYTES}m`
  const { status, stderr } = spawnSync('mount', ['-t', 'tmpfs', '-o', size, 'tmpfs', folder])
  if (status !== 0) throw new CannotRunError(`Row 13 cannot mount a small disk: ${stderr}`)
  context.defer(async () => {
    spawnSync('umount', ['-l', folder])
    await rm(folder, { recursive: true, force: true })
  })
  return folder
}

/** Takes all that is left. @returns the file that holds it. */
const fill = async (folder: string): Promise<string> => {
  const file = join(folder, 'ballast')
  const handle = await open(file, 'w')
  const block = Buffer.alloc(BLOCK_BYTES)
  try {
    for (;;) {
      const { bavail, bsize } = await statfs(folder)
      const room = Math.min(bavail * bsize, BLOCK_BYTES)
      if (room === 0) return file
      await handle.write(block, 0, room)
    }
  } catch (error) {
    // Somebody else took the last bytes.
    if (error instanceof Error && 'code' in error && error.code === 'ENOSPC') return file
    throw error
  } finally {
    await handle.close()
  }
}

/** A database that could not write its own log has stopped itself: whoever supervises it starts it again. */
const startIfStopped = async ({ database }: Campus, signal: AbortSignal): Promise<void> => {
  const gone = await Promise.race([
    database.server().exited.then(() => true),
    pause(1_000, signal).then(() => false),
  ])
  if (gone) await database.start()
}
