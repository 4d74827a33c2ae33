import { open, readFile, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { crc32 } from 'node:zlib'
import type { HistoryEvent } from './history.ts'

/**
 * One fact of an execution. `key` names one visit of one Task state (see `tasks.ts`), `attempt`
 * counts its tries from 0, `at` is Unix milliseconds.
 */
export type JournalRecord =
  | { kind: 'started'; at: number; name: string; machineArn: string; input: string }
  | { kind: 'scheduled'; at: number; key: string; attempt: number }
  | { kind: 'job'; key: string; attempt: number; jobId: string }
  | { kind: 'succeeded'; at: number; key: string; attempt: number; output: unknown }
  | { kind: 'failed'; at: number; key: string; attempt: number; error: string; cause: string }
  | { kind: 'history'; event: HistoryEvent }
  | Ended

export type EndedStatus = 'SUCCEEDED' | 'FAILED' | 'TIMED_OUT' | 'ABORTED'
export type Ended = {
  kind: 'ended'
  at: number
  status: EndedStatus
  output?: string
  error?: string
  cause?: string
}

export type Journal = {
  /** Resolves once the record is in the file, and on the disk if `durable`. Order is kept. */
  readonly append: (record: JournalRecord, durable: boolean) => Promise<void>
  readonly close: () => Promise<void>
}

export type JournalContent = {
  readonly records: readonly JournalRecord[]
  /** Set if a complete line does not read: whatever follows it cannot be trusted. */
  readonly damage?: string
  /** Bytes that belong to whole lines; what lies behind was cut off by a crash. */
  readonly bytesWhole: number
}

/**
 * Opens (and creates) a journal for appending, after cutting off a line that a crash left half
 * written.
 */
export async function openJournal(path: string, bytesWhole = 0): Promise<Journal> {
  const handle = await open(path, 'a')
  await handle.truncate(bytesWhole)
  await handle.sync()
  await syncFolder(dirname(path))
  let tail: Promise<void> = Promise.resolve()
  let fault: Error | undefined
  return {
    append(record, durable) {
      tail = tail.then(async () => {
        // After a failed write the file may end in half a line: one more line would hide the
        // damage.
        if (fault !== undefined) throw fault
        try {
          await handle.appendFile(toLine(record))
          if (durable) await handle.datasync()
        } catch (error) {
          fault = new Error('the journal cannot be written', { cause: error })
          throw fault
        }
      })
      const written = tail
      tail = tail.catch(() => {})
      return written
    },
    async close() {
      await tail
      await handle.close()
    },
  }
}

/** Reads a journal back. A half written last line is what a crash leaves, and no damage. */
export async function readJournal(path: string): Promise<JournalContent> {
  const bytes = await readFile(path)
  const bytesWhole = bytes.lastIndexOf(0x0a) + 1
  const lines = bytes.subarray(0, bytesWhole).toString('utf8').split('\n').slice(0, -1)
  const records: JournalRecord[] = []
  for (const [index, line] of lines.entries()) {
    const record = fromLine(line)
    if (record === undefined)
      return { records, damage: `line ${index + 1} does not read`, bytesWhole }
    records.push(record)
  }
  if (records[0]?.kind !== 'started') return { records, damage: 'it has no beginning', bytesWhole }
  return { records, bytesWhole }
}

/** Keeps a damaged journal beside the new one for whoever wants to know what happened. */
export async function setAside(path: string): Promise<void> {
  await rename(path, `${path}.damaged`)
}

export async function removeJournal(path: string): Promise<void> {
  await rm(path, { force: true })
  await rm(`${path}.damaged`, { force: true })
}

function toLine(record: JournalRecord): string {
  const json = JSON.stringify(record)
  return `${checksum(json)} ${json}\n`
}

function fromLine(line: string): JournalRecord | undefined {
  const json = line.slice(9)
  if (line.slice(0, 8) !== checksum(json)) return undefined
  return JSON.parse(json) as JournalRecord // Written by toLine: the checksum says so.
}

const checksum = (json: string): string => crc32(json).toString(16).padStart(8, '0')

async function syncFolder(path: string): Promise<void> {
  // Windows cannot open a folder; its file systems journal names themselves.
  if (process.platform === 'win32') return
  const folder = await open(path, 'r')
  await folder.sync().finally(() => folder.close())
}
