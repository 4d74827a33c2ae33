import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:net'

/**
 * Below what systems hand to outgoing connections (Linux from 32,768, IANA from 49,152), one of which could take it
 * between this answer and its use.
 */
const PORTS = [20_000, 32_767] as const
const TRIES_MAX = 100

/** A TCP port of the loopback interface that nobody listens on. */
export const freePort = async (): Promise<number> => {
  for (let tries = 0; tries < TRIES_MAX; tries += 1) {
    const port = randomInt(...PORTS)
    if (await isFree(port)) return port
  }
  throw new Error(`no free port among ${TRIES_MAX} between ${PORTS.join(' and ')}`)
}

const isFree = async (port: number): Promise<boolean> => {
  const probe = createServer()
  try {
    await once(probe.listen(port, '127.0.0.1'), 'listening')
    return true
  } catch {
    return false
  } finally {
    probe.close()
  }
}
