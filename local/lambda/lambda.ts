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
import { type Failure, PAYLOAD_BYTES_MAX } from './protocol.ts'
import { type OnLog, type Outcome, type Sandbox, startSandbox } from './sandbox.ts'
import { invocationTrace } from './trace.ts'

/** The Lambda service of one machine. */
export type Lambda = {
  /**
   * Invokes a function and gives its answer; an `Event` invocation is only accepted.
   *
   * @param name a function's name or ARN, with or without a qualifier.
   * @param payload JSON text.
   * @throws LambdaApiError when the service refuses: unknown function, throttled, too large, no JSON.
   */
  readonly invoke: (name: string, payload: string, options?: InvokeOptions) => Promise<Invoked>
  readonly stats: () => LambdaStats
  /** Takes no more work, lets running invocations end for `graceMs`, then stops every environment. */
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
}

export type FunctionStats = {
  readonly invocations: number
  readonly errors: number
  readonly timeouts: number
  readonly throttles: number
  readonly coldStarts: number
  readonly running: number
  /** Environments alive, idle ones included. */
  readonly environments: number
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
   * Invocations that may run at once over all functions without a reservation. A reservation stands
   * beside it instead of being taken from it, since a laptop's bound is far below an account's.
   */
  readonly concurrencyMax?: number
  /** How long close() waits for running invocations. */
  readonly graceMs?: number
  /** Waits before the first and the second repeat of a failed asynchronous invocation. */
  readonly asyncRetryDelaysMs?: readonly number[]
  /** The first wait after an asynchronous invocation was throttled; it doubles up to five minutes. */
  readonly asyncThrottleDelayMs?: number
}

const IDLE_MS = 5 * 60_000
const CONCURRENCY_MAX = 1_000
const GRACE_MS = 2_000
/** AWS waits a minute before the first repeat and two before the second. */
const ASYNC_RETRY_DELAYS_MS = [60_000, 120_000]
const ASYNC_THROTTLE_DELAY_MS = 1_000
/** AWS raised it from 256 KB in 2025; recalled, not read. */
const ASYNC_PAYLOAD_BYTES_MAX = 1_024 * 1_024

/** Starts the service; no environment exists before the first invocation. */
export function createLambda(settings: LambdaSettings): Lambda {
  const pools = new Map(
    settings.functions.map((called) => [called.name, createPool(called, settings)]),
  )
  const unreserved = { running: 0, max: settings.concurrencyMax ?? CONCURRENCY_MAX }
  let closing = false

  const runNow = async (pool: Pool, payload: string, requestId: string, traceId: string) => {
    if (closing) throw shuttingDown()
    const shared = pool.reserved === undefined ? unreserved : undefined
    if (shared && shared.running >= shared.max) {
      pool.stats.throttles += 1
      throw throttled('ConcurrentInvocationLimitExceeded')
    }
    if (shared) shared.running += 1
    try {
      return await pool.run({ requestId, event: payload, traceId })
    } finally {
      if (shared) shared.running -= 1
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
  return { invoke, close, stats: () => statsOf(pools, queue) }
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

function statsOf(pools: ReadonlyMap<string, Pool>, queue: AsyncQueue): LambdaStats {
  const functions = [...pools].map(([name, pool]) => [name, pool.snapshot()] as const)
  return { functions: Object.fromEntries(functions), queued: queue.size() }
}

/** A wait that does not hold the process open. */
const delay = (ms: number) => new Promise<void>((resolve) => void setTimeout(resolve, ms).unref())

type Counters = { -readonly [Key in keyof FunctionStats]: FunctionStats[Key] }

/** The environments of one function. */
type Pool = {
  readonly function: TemplateFunction
  readonly reserved: number | undefined
  readonly stats: Counters
  readonly run: (invocation: Parameters<Sandbox['invoke']>[0]) => Promise<Outcome>
  readonly snapshot: () => FunctionStats
  readonly settled: () => Promise<void>
  readonly stop: () => Promise<void>
}

function createPool(called: TemplateFunction, settings: LambdaSettings): Pool {
  const reserved = called.reservedConcurrency
  const idleMs = settings.idleMs ?? IDLE_MS
  const stats: Counters = {
    invocations: 0,
    errors: 0,
    timeouts: 0,
    throttles: 0,
    coldStarts: 0,
    running: 0,
    environments: 0,
  }
  /** Newest last: the warmest is taken first, so that the others grow old and are reaped. */
  const idle: { sandbox: Sandbox; reaper: NodeJS.Timeout }[] = []
  const sandboxes = new Set<Sandbox>()
  const running = new Set<Promise<Outcome>>()

  const discard = async (sandbox: Sandbox) => {
    sandboxes.delete(sandbox)
    await sandbox.stop()
  }
  const start = (): Sandbox => {
    stats.coldStarts += 1
    const { codeRoot, baseEnv, onLog } = settings
    const region = settings.region ?? 'us-east-1'
    const sandbox = startSandbox({ function: called, codeRoot, baseEnv, region, onLog })
    sandboxes.add(sandbox)
    return sandbox
  }
  const take = (): Sandbox => {
    for (let entry = idle.pop(); entry; entry = idle.pop()) {
      clearTimeout(entry.reaper)
      if (entry.sandbox.isAlive()) return entry.sandbox
      sandboxes.delete(entry.sandbox)
    }
    return start()
  }
  const giveBack = (sandbox: Sandbox) => {
    if (!sandbox.isAlive()) return void discard(sandbox)
    const reaper = setTimeout(() => {
      const at = idle.findIndex((entry) => entry.sandbox === sandbox)
      if (at >= 0) idle.splice(at, 1)
      void discard(sandbox)
    }, idleMs).unref()
    idle.push({ sandbox, reaper })
  }

  const run: Pool['run'] = async (invocation) => {
    if (reserved !== undefined && stats.running >= reserved) {
      stats.throttles += 1
      throw throttled('ReservedFunctionConcurrentInvocationLimitExceeded')
    }
    stats.running += 1
    stats.invocations += 1
    const sandbox = take()
    const outcome = sandbox.invoke(invocation)
    running.add(outcome)
    try {
      return count(await outcome, stats)
    } finally {
      running.delete(outcome)
      stats.running -= 1
      giveBack(sandbox)
    }
  }
  const stop = async () => {
    for (const entry of idle.splice(0)) clearTimeout(entry.reaper)
    await Promise.all([...sandboxes].map(discard))
  }
  return {
    function: called,
    reserved,
    stats,
    run,
    snapshot: () => ({
      ...stats,
      environments: [...sandboxes].filter((one) => one.isAlive()).length,
    }),
    settled: async () => void (await Promise.all(running)),
    stop,
  }
}

function count(outcome: Outcome, stats: Counters): Outcome {
  if (outcome.kind === 'failed') {
    stats.errors += 1
    if (isTimeout(outcome.failure)) stats.timeouts += 1
  }
  return outcome
}

const isTimeout = (failure: Failure) => failure.errorType === 'Sandbox.Timedout'
