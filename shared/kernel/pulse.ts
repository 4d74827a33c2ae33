/** Wakes whoever waits: a condition variable without the condition. */
export type Pulse = {
  fire(): void
  /** Resolves at the next `fire`, after `timeoutMs`, or when `signal` aborts: check your condition again. */
  wait(options: { readonly timeoutMs?: number; readonly signal?: AbortSignal }): Promise<void>
}

export const createPulse = (): Pulse => {
  let waiting = new Set<() => void>()
  return {
    fire() {
      const woken = waiting
      waiting = new Set()
      for (const wake of woken) wake()
    },
    wait: ({ timeoutMs, signal }) =>
      new Promise((resolve) => {
        if (signal?.aborted) return resolve()
        const wake = () => {
          clearTimeout(timer)
          signal?.removeEventListener('abort', wake)
          waiting.delete(wake)
          resolve()
        }
        const timer = timeoutMs === undefined ? undefined : setTimeout(wake, timeoutMs)
        signal?.addEventListener('abort', wake)
        waiting.add(wake)
      }),
  }
}

/** Sleeps, but not beyond `signal`. */
export const pause = (timeoutMs: number, signal: AbortSignal): Promise<void> =>
  createPulse().wait({ timeoutMs, signal })
