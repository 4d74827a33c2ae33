import { createWriteStream, existsSync } from 'node:fs'
import { mkdir, rename, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Log } from '../../shared/observe/logger.ts'

/** All lines that functions, pods and parts print, in one file: what CloudWatch would hold. */
export type HubLog = {
  readonly file: string
  write(source: string, line: string): void
  /** A logger for a part of the hub itself. */
  of(source: string): Log
  close(): Promise<void>
}

/** A longer file becomes `hub.1.log` at the next start; older ones go. */
const LOG_BYTES_MAX = 20_000_000

/** Opens `hub.log` in `folder` for appending. */
export const openHubLog = async (folder: string): Promise<HubLog> => {
  await mkdir(folder, { recursive: true })
  const file = join(folder, 'hub.log')
  if (existsSync(file) && (await stat(file)).size > LOG_BYTES_MAX)
    await rename(file, join(folder, 'hub.1.log'))
  const stream = createWriteStream(file, { flags: 'a' })
  const write = (source: string, line: string) => {
    stream.write(`${new Date().toISOString()} ${source} ${line}\n`)
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
    close: () => new Promise((resolve) => stream.end(resolve)),
  }
}
