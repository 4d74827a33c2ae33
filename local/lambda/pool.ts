import type { TemplateFunction } from '../template/template.ts'
import { createDurations, type Distribution } from './distribution.ts'
import { shuttingDown, throttled } from './errors.ts'
import type { Failure } from './protocol.ts'
import { type Invocation, type OnLog, type Outcome, type Sandbox, startSandbox } from './sandbox.ts'

/** The environments of one function. */
export type Pool = {
  readonly function: TemplateFunction
  /** @throws LambdaApiError when throttled. */
  readonly run: (invocation: Invocation) => Promise<Outcome>
  /** Counts a refusal that the caller decided. */
  readonly countThrottle: () => void
  readonly stats: () => FunctionStats
  /** Environments that are idle: asked after each invocation, where the whole count would cost too much. */
  readonly idle: () => number
  /** Since when the longest idle environment has been idle, Unix milliseconds. */
  readonly oldestIdleMs: () => number | undefined
  readonly stopOldestIdle: () => void
  /** Resolves when what runs now has ended. */
  readonly settled: () => Promise<void>
  readonly stop: () => Promise<void>
}

export type FunctionStats = {
  readonly invocations: number
  readonly errors: number
  readonly timeouts: number
  readonly throttles: number
  readonly coldStarts: number
  /** Accepted and not yet ended, those that wait for an environment included. */
  readonly running: number
  /** The most that ran at once. */
  readonly runningMax: number
  /** How many may run at once; null without a reservation. */
  readonly reserved: number | null
  /** Environments that stay warm; null without any. */
  readonly provisioned: number | null
  /** Environments alive. */
  readonly environments: number
  readonly idle: number
  /** How long the handler ran, failures included (Lambda's `Duration`). */
  readonly durationMs: Distribution | null
  /** How long the import took (`Init Duration`). */
  readonly initMs: Distribution | null
  /** How long an accepted invocation waited for its environment: for its import, or for a free one. */
  readonly waitMs: Distribution | null
}

export type PoolOptions = {
  readonly codeRoot: string
  readonly region: string
  readonly baseEnv: Readonly<Record<string, string>>
  readonly onLog: OnLog
  readonly idleMs: number
  readonly environmentsMax: number
  /** Whether environments that the template provisions are started ahead and kept. */
  readonly provisions: boolean
}

/** A queue this long for one function on one machine is a flood, and is throttled. */
const WAITING_MAX = 1_000

type Idle = {
  readonly sandbox: Sandbox
  readonly sinceMs: number
  readonly reaper: NodeJS.Timeout
}

type Waiter = PromiseWithResolvers<Sandbox>

export function createPool(called: TemplateFunction, options: PoolOptions): Pool {
  const counts = {
    ...{ invocations: 0, errors: 0, timeouts: 0, throttles: 0, coldStarts: 0 },
    ...{ running: 0, runningMax: 0 },
  }
  const [durations, inits, waits] = [createDurations(), createDurations(), createDurations()]
  const meter = { initialised: inits.record, ran: durations.record }
  const provisioned = options.provisions ? (called.provisionedConcurrency ?? 0) : 0
  /** Newest last: the warmest is taken first, so that the others grow old and are reaped. */
  const idle: Idle[] = []
  const waiting: Waiter[] = []
  const sandboxes = new Set<Sandbox>()
  const running = new Set<Promise<Outcome>>()
  let stopped = false

  const open = (): Sandbox => {
    const sandbox = startSandbox({ function: called, ...options, meter })
    sandboxes.add(sandbox)
    return sandbox
  }
  const start = (): Sandbox => {
    counts.coldStarts += 1
    return open()
  }
  const discard = async (sandbox: Sandbox) => {
    sandboxes.delete(sandbox)
    await sandbox.stop()
  }
  /** Started ahead, so no invocation pays for it; one that died is replaced after the next invocation. */
  const provision = () => {
    while (!stopped && sandboxes.size < provisioned) rest(open())
  }
  const take = (): Sandbox | Promise<Sandbox> => {
    for (let entry = idle.pop(); entry; entry = idle.pop()) {
      clearTimeout(entry.reaper)
      if (entry.sandbox.isAlive()) return entry.sandbox
      sandboxes.delete(entry.sandbox)
    }
    if (sandboxes.size < options.environmentsMax) return start()
    const waiter = Promise.withResolvers<Sandbox>()
    waiting.push(waiter)
    return waiter.promise
  }
  const stopIdle = (entry: Idle | undefined) => {
    const at = entry ? idle.indexOf(entry) : -1
    if (!entry || at < 0) return
    idle.splice(at, 1)
    clearTimeout(entry.reaper)
    void discard(entry.sandbox)
  }
  const isKept = () => sandboxes.size <= provisioned
  const rest = (sandbox: Sandbox) => {
    const reaper = setTimeout(() => reap(entry), options.idleMs).unref()
    const entry: Idle = { sandbox, reaper, sinceMs: Date.now() }
    idle.push(entry)
  }
  const reap = (entry: Idle) => {
    if (!isKept()) stopIdle(entry)
  }
  const giveBack = (sandbox: Sandbox) => {
    const isUsable = sandbox.isAlive() && !stopped
    if (!isUsable) void discard(sandbox)
    const waiter = stopped ? undefined : waiting.shift()
    if (waiter) waiter.resolve(isUsable ? sandbox : start())
    else if (isUsable) rest(sandbox)
    provision()
  }

  const checkReservation = () => {
    const reserved = called.reservedConcurrency ?? Number.POSITIVE_INFINITY
    if (counts.running < reserved && waiting.length < WAITING_MAX) return
    counts.throttles += 1
    throw throttled('ReservedFunctionConcurrentInvocationLimitExceeded')
  }
  const runNow = async (invocation: Invocation): Promise<Outcome> => {
    const acceptedAt = performance.now()
    const sandbox = await take()
    const outcome = await sandbox.invoke(invocation, () =>
      waits.record(performance.now() - acceptedAt),
    )
    giveBack(sandbox)
    return outcome
  }
  const run = async (invocation: Invocation): Promise<Outcome> => {
    checkReservation()
    counts.running += 1
    counts.runningMax = Math.max(counts.runningMax, counts.running)
    counts.invocations += 1
    const result = runNow(invocation)
    running.add(result)
    try {
      const outcome = await result
      if (outcome.kind === 'failed') counts.errors += 1
      if (outcome.kind === 'failed' && isTimeout(outcome.failure)) counts.timeouts += 1
      return outcome
    } finally {
      running.delete(result)
      counts.running -= 1
    }
  }

  const stop = async () => {
    stopped = true
    for (const waiter of waiting.splice(0)) waiter.reject(shuttingDown())
    for (const entry of idle.splice(0)) clearTimeout(entry.reaper)
    await Promise.all([...sandboxes].map(discard))
  }
  const stats = (): FunctionStats => {
    const environments = [...sandboxes].filter((one) => one.isAlive()).length
    return {
      ...counts,
      reserved: called.reservedConcurrency ?? null,
      provisioned: called.provisionedConcurrency ?? null,
      environments,
      idle: idle.length,
      durationMs: durations.read(),
      initMs: inits.read(),
      waitMs: waits.read(),
    }
  }
  provision()
  return {
    function: called,
    run,
    stats,
    idle: () => idle.length,
    stop,
    countThrottle: () => {
      counts.throttles += 1
    },
    oldestIdleMs: () => (isKept() ? undefined : idle[0]?.sinceMs),
    stopOldestIdle: () => stopIdle(idle[0]),
    settled: async () => void (await Promise.allSettled(running)),
  }
}

const isTimeout = (failure: Failure) => failure.errorType === 'Sandbox.Timedout'
