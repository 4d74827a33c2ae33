import { readFile, rm, writeFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'

const TURN_POLL_MS = 100

/**
 * One process at a time: waits until nobody holds the lock file, and holds it. The lock of a process that was killed
 * does not count.
 *
 * @returns a function that gives it back.
 * @throws the file system's error once `timeoutMs` is over.
 */
export const takeTurn = async (
  lock: string,
  { timeoutMs }: { timeoutMs: number },
): Promise<() => Promise<void>> => {
  const deadline = performance.now() + timeoutMs
  for (;;) {
    try {
      await writeFile(lock, String(process.pid), { flag: 'wx' })
      return () => rm(lock, { force: true })
    } catch (error) {
      if (!isTaken(error) || performance.now() > deadline) throw error
      const owner = Number(await readFile(lock, 'utf8').catch(() => ''))
      if (!isAlive(owner)) await rm(lock, { force: true })
      await delay(TURN_POLL_MS)
    }
  }
}

// No `instanceof`: under jest an error of Node's own comes from another realm.
const isTaken = (error: unknown): boolean =>
  typeof error === 'object' && error !== null && 'code' in error && error.code === 'EEXIST'

const isAlive = (pid: number): boolean => {
  try {
    return pid > 0 && process.kill(pid, 0)
  } catch {
    return false
  }
}
