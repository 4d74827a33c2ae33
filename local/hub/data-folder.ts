import { randomBytes } from 'node:crypto'
import { closeSync, existsSync, openSync, readFileSync, writeSync } from 'node:fs'
import { mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { StartError } from './config.ts'

/** Enough for a first start: the database's own files and some room. */
const FREE_PROBE_BYTES = 1_048_576

/**
 * Takes the data folder for this hub alone and proves that it can be written.
 *
 * @returns a function that gives it back.
 * @throws StartError when it is no folder, cannot be written, is full, or another hub runs on it.
 */
export const claimDataFolder = async (dataDir: string): Promise<() => Promise<void>> => {
  try {
    await mkdir(dataDir, { recursive: true })
    const isFolder = (await stat(dataDir)).isDirectory()
    if (!isFolder) throw new Error('it is not a folder')
    const probe = join(dataDir, '.probe')
    await writeFile(probe, randomBytes(FREE_PROBE_BYTES), { flush: true })
    await rm(probe)
  } catch (error) {
    throw new StartError(`The data folder ${dataDir} cannot be used: ${reasonOf(error)}.`)
  }
  const lock = join(dataDir, 'hub.lock')
  takeLock(lock, dataDir)
  return () => rm(lock, { force: true })
}

/** Reads a JSON file of the folder. @throws StartError when it is there and broken. */
export const readJson = async (file: string): Promise<unknown> => {
  if (!existsSync(file)) return undefined
  try {
    return JSON.parse(await readFile(file, 'utf8'))
  } catch (error) {
    throw new StartError(
      `${file} is broken (${reasonOf(error)}); remove the data folder to begin anew.`,
    )
  }
}

/** Replaces a file as a whole: a kill leaves the old one or the new one. */
export const writeJson = async (file: string, value: unknown): Promise<void> => {
  const fresh = `${file}.new`
  await writeFile(fresh, `${JSON.stringify(value, undefined, 2)}\n`, { mode: 0o600, flush: true })
  await rename(fresh, file)
}

const takeLock = (lock: string, dataDir: string) => {
  const owner = existsSync(lock) ? Number(readFileSync(lock, 'utf8')) : 0
  if (isHub(owner)) throw new StartError(`Another hub (process ${owner}) runs on ${dataDir}.`)
  const file = openSync(lock, 'w')
  writeSync(file, String(process.pid))
  closeSync(file)
}

// A lock survives kill -9, and its pid may by now be anybody's.
const isHub = (pid: number): boolean => {
  if (!Number.isInteger(pid) || pid <= 0 || pid === process.pid) return false
  try {
    process.kill(pid, 0)
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
  const commandLine = `/proc/${pid}/cmdline`
  return !existsSync(commandLine) || readFileSync(commandLine, 'utf8').includes('local/main.ts')
}

const reasonOf = (error: unknown): string => {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  return (
    {
      EACCES: 'it may not be written',
      EROFS: 'its disk is read-only',
      ENOSPC: 'its disk is full',
      ENOTDIR: 'a part of its path is a file',
      EEXIST: 'it is a file',
    }[code] ?? (error instanceof Error ? error.message : 'unknown')
  )
}
