import { randomBytes } from 'node:crypto'

/** A new X-Ray root: version, seconds in hex, 96 random bits. */
export function newTraceRoot(nowMs: number = Date.now()): string {
  const seconds = Math.floor(nowMs / 1_000)
    .toString(16)
    .padStart(8, '0')
  return `1-${seconds}-${randomBytes(12).toString('hex')}`
}

/** The trace header that a function sees; a header without a root gets a new one. */
export function invocationTrace(incoming: string | undefined): string {
  if (incoming && /(?:^|;)Root=/.test(incoming)) return incoming
  const root = `Root=${newTraceRoot()};Parent=${randomBytes(8).toString('hex')};Sampled=0`
  return incoming ? `${root};${incoming}` : root
}
