import type { TemplateFunction } from '../template/template.ts'
import { LambdaApiError, queueFull } from './errors.ts'
import type { OnLog, Outcome } from './sandbox.ts'

/**
 * What waits between an accepted `Event` invocation and its success. It does not outlive the
 * process.
 */
export type AsyncQueue = {
  /** @throws LambdaApiError when the queue is full. */
  readonly push: (job: Job) => void
  /** Jobs waiting or running. */
  readonly size: () => number
  /** Drops what waits. */
  readonly close: () => void
}

type Job = {
  readonly function: TemplateFunction
  readonly run: () => Promise<Outcome>
}

type QueueSettings = {
  readonly retryDelaysMs: readonly number[]
  readonly throttleDelayMs: number
  readonly onDropped: OnLog
}

const QUEUE_LENGTH_MAX = 10_000
/** AWS backs off from one second to five minutes while a function is throttled. */
const THROTTLE_DELAY_MS_MAX = 5 * 60_000

/** Runs each job at once, repeats it as Lambda does, and gives up at its attempts or age. */
export function createAsyncQueue(settings: QueueSettings): AsyncQueue {
  const waiting = new Set<NodeJS.Timeout>()
  let size = 0
  let closed = false

  const wait = (ms: number) =>
    new Promise<void>((resolve) => {
      const timer = setTimeout(() => {
        waiting.delete(timer)
        resolve()
      }, ms)
      waiting.add(timer)
    })

  const work = async (job: Job): Promise<void> => {
    const { name, asyncRetriesMax, asyncAgeSecondsMax } = job.function
    const dropAtMs = Date.now() + asyncAgeSecondsMax * 1_000
    let failures = 0
    let throttleDelayMs = settings.throttleDelayMs
    while (!closed && Date.now() <= dropAtMs) {
      const result = await attempt(job)
      if (result === 'done') return
      if (result === 'failed') {
        failures += 1
        if (failures > asyncRetriesMax) break
        await wait(settings.retryDelaysMs[failures - 1] ?? settings.retryDelaysMs.at(-1) ?? 0)
      } else {
        await wait(throttleDelayMs)
        throttleDelayMs = Math.min(throttleDelayMs * 2, THROTTLE_DELAY_MS_MAX)
      }
    }
    if (!closed)
      settings.onDropped(name, `ERROR\tAsynchronous event dropped after ${failures} failures`)
  }

  const push = (job: Job) => {
    if (closed || size >= QUEUE_LENGTH_MAX) throw queueFull()
    size += 1
    void work(job).finally(() => {
      size -= 1
    })
  }
  const close = () => {
    closed = true
    for (const timer of waiting) clearTimeout(timer)
    waiting.clear()
  }
  return { push, close, size: () => size }
}

async function attempt(job: Job): Promise<'done' | 'failed' | 'throttled'> {
  try {
    const outcome = await job.run()
    return outcome.kind === 'answered' ? 'done' : 'failed'
  } catch (error) {
    if (error instanceof LambdaApiError) return 'throttled'
    throw error
  }
}
