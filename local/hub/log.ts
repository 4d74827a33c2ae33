import { createWriteStream, existsSync } from 'node:fs'
import { mkdir, open, rename, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Log } from '../../shared/observe/logger.ts'

/** All lines that functions, pods and parts print, in one file: what CloudWatch would hold. */
export type HubLog = {
  readonly file: string
  write(source: string, line: string): void
  /** A logger for a part of the hub itself. */
  of(source: string): Log
  /** From now on each line is told here too; what the file holds at its end, up to `bytesMax`, comes first. */
  follow(follower: Follower, options: { bytesMax: number }): Promise<void>
  close(): Promise<void>
}

export type Follower = (at: string, source: string, line: string) => void

/** A longer file becomes `hub.1.log` at the next start; older ones go. */
const LOG_BYTES_MAX = 20_000_000

/** Opens `hub.log` in `folder` for appending. */
export const openHubLog = async (folder: string): Promise<HubLog> => {
  await mkdir(folder, { recursive: true })
  const file = join(folder, 'hub.log')
  if (existsSync(file) && (await stat(file)).size > LOG_BYTES_MAX)
    await rename(file, join(folder, 'hub.1.log'))
  const stream = createWriteStream(file, { flags: 'a' })
  let follower: Follower = () => {}
  const write = (source: string, line: string) => {
    const at = new Date().toISOString()
    stream.write(`${at} ${source} ${line}\n`)
    follower(at, source, line)
  }
  const at =
    (source: string, level: string) =>
    (message: string, fields?: Readonly<Record<string, unknown>>) =>
      write(source, JSON.stringify({ ...fields, level, message }))
  return {
    file,
    write,
    of: (source) => ({
      info: at(source, 'INFO'),
      warn: at(source, 'WARN'),
      error: at(source, 'ERROR'),
    }),
    async follow(told, { bytesMax }) {
      for (const [, when = '', source = '', line = ''] of await endOf(file, bytesMax))
        told(when, source, line)
      follower = told
    },
    close: () => new Promise((resolve) => stream.end(resolve)),
  }
}

const LINE = /^(\d{4}-\d\d-\d\dT[\d:.]+Z) (\S+) (.*)$/gm

/** The whole lines within the last `bytesMax` bytes of a file. */
const endOf = async (file: string, bytesMax: number): Promise<readonly RegExpMatchArray[]> => {
  const handle = await open(file, 'r').catch(() => undefined)
  if (!handle) return []
  try {
    const { size } = await handle.stat()
    const start = Math.max(0, size - bytesMax)
    const { buffer, bytesRead } = await handle.read({
      buffer: Buffer.alloc(size - start),
      position: start,
    })
    return [...buffer.toString('utf8', 0, bytesRead).matchAll(LINE)]
  } finally {
    await handle.close()
  }
}
