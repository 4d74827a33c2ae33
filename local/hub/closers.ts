import { StartError } from './config.ts'

/** What was started, to be stopped in the opposite order. */
export type Closers = {
  /** Remembers how to stop a part; gives the part back. */
  add<Part>(part: Part, close: (part: Part) => Promise<void> | void): Part
  /** From now on nothing more is started: the next part that is added ends the start. */
  interrupt(): void
  /** Stops everything; a part that hangs or fails does not keep the others. */
  close(): Promise<void>
}

/** Everything has 5 s to stop: no single part may have more than this. */
const PART_TIMEOUT_MS = 2_500

export const createClosers = (): Closers => {
  const closers: (() => Promise<void>)[] = []
  let interrupted = false
  return {
    add(part, close) {
      closers.push(async () => close(part))
      if (interrupted) throw new StartError('The start was interrupted.')
      return part
    },
    interrupt() {
      interrupted = true
    },
    async close() {
      for (let next = closers.pop(); next; next = closers.pop()) await bounded(next)
    },
  }
}

const bounded = async (close: () => Promise<void>) => {
  const { promise: expired, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, PART_TIMEOUT_MS)
  await Promise.race([close().catch(() => {}), expired])
  clearTimeout(timer)
}
