import { randomUUID } from 'node:crypto'
import { functionNameOf, type TemplateFunction } from '../template/template.ts'
import { type AsyncQueue, createAsyncQueue } from './async-queue.ts'
import {
  functionNotFound,
  payloadNotJson,
  payloadTooLarge,
  shuttingDown,
  throttled,
} from './errors.ts'
import { createPool, type FunctionStats, type Pool, type PoolOptions } from './pool.ts'
import { PAYLOAD_BYTES_MAX } from './protocol.ts'
import type { OnLog, Outcome } from './sandbox.ts'
import { invocationTrace } from './trace.ts'

/** The Lambda service of one machine. */
export type Lambda = {
  /**
   * Invokes a function and gives its answer; an `Event` invocation is only accepted.
   *
   * @param name a function's name or ARN, with or without a qualifier.
   * @param payload JSON text.
   * @throws LambdaApiError when the service refuses: unknown function, throttled, too large, no
   * JSON.
   */
  readonly invoke: (name: string, payload: string, options?: InvokeOptions) => Promise<Invoked>
  readonly stats: () => LambdaStats
  /**
   * Takes no more work, lets running invocations end for `graceMs`, then stops every environment.
   */
  readonly close: () => Promise<void>
}

export type InvokeOptions = {
  /** An X-Amzn-Trace-Id header value. */
  readonly traceId?: string | undefined
  readonly invocationType?: InvocationType | undefined
}

export type InvocationType = 'RequestResponse' | 'Event' | 'DryRun'

export type Invoked = {
  readonly statusCode: 200 | 202 | 204
  readonly requestId: string
  /** JSON text; empty unless the invocation was synchronous. */
  readonly payload: string
  /** Set when the function failed; the payload then holds Lambda's description of it. */
  readonly functionError?: 'Unhandled'
}

export type LambdaStats = {
  readonly functions: Readonly<Record<string, FunctionStats>>
  /** Asynchronous invocations waiting or running. */
  readonly queued: number
  /** Running now over all functions without a reservation, and how many may. */
  readonly unreserved: { readonly running: number; readonly max: number }
}

export type LambdaSettings = {
  readonly functions: readonly TemplateFunction[]
  readonly codeRoot: string
  /** Variables that every function sees below its own: credentials, endpoints, PATH. */
  readonly baseEnv: Readonly<Record<string, string>>
  readonly onLog: OnLog
  readonly region?: string
  /** An environment idle for longer is stopped. */
  readonly idleMs?: number
  /**
   * Invocations that may run at once over all functions without a reservation; unless told, what the reservations leave
   * of an account of 1,000.
   */
  readonly unreservedMax?: number
  /**
   * Environments that one function may have. Beyond it an invocation waits for one instead of being
   * throttled: it stands for the size of the machine, which AWS has no word for.
   */
  readonly environmentsPerFunctionMax?: number
  /**
   * Whether provisioned environments are started at once and kept. Off, a function starts at its first invocation
   * whatever the template provisions: a laptop has no room for what an account keeps warm.
   */
  readonly provisions?: boolean
  /** Idle environments over all functions; beyond it the longest idle is stopped. */
  readonly idleEnvironmentsMax?: number
  /** How long close() waits for running invocations. */
  readonly graceMs?: number
  /** Waits before the first and the second repeat of a failed asynchronous invocation. */
  readonly asyncRetryDelaysMs?: readonly number[]
  /**
   * The first wait after an asynchronous invocation was throttled; it doubles up to five minutes.
   */
  readonly asyncThrottleDelayMs?: number
}

const IDLE_MS = 20_000
/** What AWS gives an account to begin with; a reservation takes its part of it away from all others. */
const ACCOUNT_CONCURRENCY = 1_000
const GRACE_MS = 2_000
/** AWS waits a minute before the first repeat and two before the second. */
const ASYNC_RETRY_DELAYS_MS = [60_000, 120_000]
const ASYNC_THROTTLE_DELAY_MS = 1_000
/** AWS raised it from 256 KB in 2025; recalled, not read. */
const ASYNC_PAYLOAD_BYTES_MAX = 1_024 * 1_024

/** Starts the service; no environment exists before the first invocation. */
export function createLambda(settings: LambdaSettings): Lambda {
  const poolOptions: PoolOptions = {
    ...settings,
    region: settings.region ?? 'us-east-1',
    idleMs: settings.idleMs ?? IDLE_MS,
    provisions: settings.provisions ?? false,
    environmentsMax: settings.environmentsPerFunctionMax ?? Number.POSITIVE_INFINITY,
  }
  const pools = new Map(
    settings.functions.map((called) => [called.name, createPool(called, poolOptions)]),
  )
  const idleMax = settings.idleEnvironmentsMax ?? Number.POSITIVE_INFINITY
  const reserved = settings.functions.reduce(
    (sum, { reservedConcurrency = 0 }) => sum + reservedConcurrency,
    0,
  )
  const unreserved = {
    running: 0,
    max: settings.unreservedMax ?? Math.max(0, ACCOUNT_CONCURRENCY - reserved),
  }
  let closing = false

  const runNow = async (pool: Pool, payload: string, requestId: string, traceId: string) => {
    if (closing) throw shuttingDown()
    const shared = pool.function.reservedConcurrency === undefined ? unreserved : undefined
    if (shared && shared.running >= shared.max) {
      pool.countThrottle()
      throw throttled('ConcurrentInvocationLimitExceeded')
    }
    if (shared) shared.running += 1
    try {
      return await pool.run({ requestId, event: payload, traceId })
    } finally {
      if (shared) shared.running -= 1
      trimIdle([...pools.values()], idleMax)
    }
  }

  const queue = createAsyncQueue({
    retryDelaysMs: settings.asyncRetryDelaysMs ?? ASYNC_RETRY_DELAYS_MS,
    throttleDelayMs: settings.asyncThrottleDelayMs ?? ASYNC_THROTTLE_DELAY_MS,
    onDropped: settings.onLog,
  })

  const invoke = async (
    name: string,
    payload: string,
    options: InvokeOptions = {},
  ): Promise<Invoked> => {
    if (closing) throw shuttingDown()
    const pool = pools.get(functionNameOf(name))
    if (!pool) throw functionNotFound(name)
    const type = options.invocationType ?? 'RequestResponse'
    checkPayload(payload, type === 'Event' ? ASYNC_PAYLOAD_BYTES_MAX : PAYLOAD_BYTES_MAX)
    const requestId = randomUUID()
    const traceId = invocationTrace(options.traceId)
    if (type === 'DryRun') return { statusCode: 204, requestId, payload: '' }
    if (type === 'Event') {
      queue.push({ function: pool.function, run: () => runNow(pool, payload, requestId, traceId) })
      return { statusCode: 202, requestId, payload: '' }
    }
    return answerOf(await runNow(pool, payload, requestId, traceId), requestId)
  }

  const close = async () => {
    closing = true
    queue.close()
    const all = [...pools.values()]
    await Promise.race([
      Promise.all(all.map((pool) => pool.settled())),
      delay(settings.graceMs ?? GRACE_MS),
    ])
    await Promise.all(all.map((pool) => pool.stop()))
  }
  return { invoke, close, stats: () => statsOf({ pools, queue, unreserved }) }
}

function checkPayload(payload: string, bytesMax: number): void {
  if (Buffer.byteLength(payload) > bytesMax) throw payloadTooLarge(bytesMax)
  try {
    JSON.parse(payload)
  } catch {
    throw payloadNotJson()
  }
}

function answerOf(outcome: Outcome, requestId: string): Invoked {
  if (outcome.kind === 'answered') return { statusCode: 200, requestId, payload: outcome.answer }
  const payload = JSON.stringify(outcome.failure)
  return { statusCode: 200, requestId, payload, functionError: 'Unhandled' }
}

function statsOf({
  pools,
  queue,
  unreserved,
}: {
  pools: ReadonlyMap<string, Pool>
  queue: AsyncQueue
  unreserved: LambdaStats['unreserved']
}): LambdaStats {
  const functions = [...pools].map(([name, pool]) => [name, pool.stats()] as const)
  return {
    functions: Object.fromEntries(functions),
    queued: queue.size(),
    unreserved: { ...unreserved },
  }
}

function trimIdle(pools: readonly Pool[], idleMax: number): void {
  if (idleMax === Number.POSITIVE_INFINITY) return
  let surplus = pools.reduce((sum, pool) => sum + pool.idle(), 0) - idleMax
  for (; surplus > 0; surplus -= 1) {
    const [oldest] = pools
      .filter((pool) => pool.oldestIdleMs() !== undefined)
      .sort((a, b) => (a.oldestIdleMs() ?? 0) - (b.oldestIdleMs() ?? 0))
    oldest?.stopOldestIdle()
  }
}

/** A wait that does not hold the process open. */
const delay = (ms: number) => new Promise<void>((resolve) => void setTimeout(resolve, ms).unref())
