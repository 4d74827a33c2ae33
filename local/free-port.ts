import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:net'

/**
 * Below what systems hand to outgoing connections (Linux from 32,768, IANA from 49,152), one of which could take it
 * between this answer and its use.
 */
const PORTS = { first: 20_000, count: 12_768 }
const TRIES_MAX = 100

// One after the other, from a place of this process's own: a part may listen long after it was told its port.
let next = randomInt(PORTS.count)

/** A TCP port of the loopback interface that nobody listens on, and that no earlier call here has given. */
export const freePort = async (): Promise<number> => {
  for (let tries = 0; tries < TRIES_MAX; tries += 1) {
    const port = PORTS.first + next
    next = (next + 1) % PORTS.count
    if (await isFree(port)) return port
  }
  throw new Error(`no free port among ${TRIES_MAX} from ${PORTS.first} on`)
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
