import { type Clock, type Instant, toIso } from '../../shared/kernel/time.ts'
import type { Log } from '../../shared/observe/logger.ts'

/** Lines waiting to be written, at most; further ones are written at once. */
export const LINES_WAITING_MAX = 1_000

/** One JSON object a line, written once a turn of the event loop: a write for each would cost more than the rest. */
export const createLineLog = (
  write: (lines: string) => void,
  clock: Clock,
): Log & { flush(): void } => {
  let waiting: string[] = []
  const isoNow = lastIso(clock)
  const flush = () => {
    if (waiting.length === 0) return
    const lines = waiting
    waiting = []
    write(`${lines.join('\n')}\n`)
  }
  const line = (level: string) => (message: string, fields?: Readonly<Record<string, unknown>>) => {
    if (waiting.length === 0) setImmediate(flush)
    waiting.push(JSON.stringify({ level, time: isoNow(), service: 'gateway', message, ...fields }))
    if (waiting.length >= LINES_WAITING_MAX) flush()
  }
  return { info: line('INFO'), warn: line('WARN'), error: line('ERROR'), flush }
}

/** Many lines share a millisecond, and its text. */
const lastIso = (clock: Clock): (() => string) => {
  let last: { readonly at: Instant; readonly text: string } | undefined
  return () => {
    const at = clock()
    if (last?.at !== at) last = { at, text: toIso(at) }
    return last.text
  }
}
