import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { StringDecoder } from 'node:string_decoder'
import { Worker } from 'node:worker_threads'
import type { TemplateFunction } from '../template/template.ts'
import type { Failure, FromWorker, ToWorker, WorkerSettings } from './protocol.ts'

/** What a sandbox needs to know of its function. */
export type SandboxFunction = Pick<
  TemplateFunction,
  'name' | 'arn' | 'handler' | 'memoryMb' | 'timeoutSeconds' | 'environment'
>

export type OnLog = (functionName: string, line: string) => void

/** Is told of every import that succeeded, and of every run of the handler, failed ones included. */
export type Meter = {
  readonly initialised: (ms: number) => void
  readonly ran: (ms: number) => void
}

/**
 * One execution environment: one worker thread with its own variables, one invocation at a time.
 */
export type Sandbox = {
  /**
   * Resolves when the answer, the failure or the timeout is there; never rejects.
   *
   * @param onBegun called when the import has ended and the handler gets the event.
   */
  readonly invoke: (invocation: Invocation, onBegun: () => void) => Promise<Outcome>
  /** False once it has died or was stopped: it takes no more invocations. */
  readonly isAlive: () => boolean
  readonly stop: () => Promise<void>
}

export type Invocation = {
  readonly requestId: string
  /** JSON text. */
  readonly event: string
  readonly traceId: string
}

/** `answer` is JSON text. */
export type Outcome =
  | { readonly kind: 'answered'; readonly answer: string }
  | { readonly kind: 'failed'; readonly failure: Failure }

export type SandboxOptions = {
  readonly function: SandboxFunction
  /** Absolute path of the folder with the bundles. */
  readonly codeRoot: string
  readonly region: string
  /**
   * Below the function's own environment; above it stand only the variables that Lambda reserves.
   */
  readonly baseEnv: Readonly<Record<string, string>>
  readonly onLog: OnLog
  readonly meter: Meter
}

/**
 * Lambda allows 10 s for the import. A laptop that starts thirty environments at once is slower
 * than that through no fault of the code, so the bound here only ends an import that hangs.
 */
const INIT_MS_MAX = 60_000

/** CloudWatch's bound on one log event. */
const LOG_LINE_CHARS_MAX = 256 * 1_024

/** Starts an environment; the import begins at once, beside the caller. */
export function startSandbox(options: SandboxOptions): Sandbox {
  const { function: called, onLog } = options
  const log = (line: string) => onLog(called.name, line)
  const resolved = resolveHandler(options.codeRoot, called.handler)
  if ('failure' in resolved) return brokenSandbox(resolved.failure, log)

  const settings = workerSettings(options, resolved)
  const startedAt = performance.now()
  const worker = new Worker(new URL('./worker.ts', import.meta.url), {
    env: environment(options, settings),
    workerData: settings,
    stdout: true,
    stderr: true,
    execArgv: [],
    resourceLimits: { maxOldGenerationSizeMb: called.memoryMb },
  })
  eachLine(worker.stdout, log)
  eachLine(worker.stderr, log)
  const { timeoutSeconds } = called
  return superviseWorker(worker, { timeoutSeconds, startedAt, log, meter: options.meter })
}

function superviseWorker(
  worker: Worker,
  {
    timeoutSeconds,
    startedAt,
    log,
    meter,
  }: { timeoutSeconds: number; startedAt: number; log: (line: string) => void; meter: Meter },
): Sandbox {
  let alive = true
  /** Settles the running invocation; undefined while idle. */
  let settle: ((outcome: Outcome) => void) | undefined
  const ready = Promise.withResolvers<Failure | undefined>()
  const exited = new Promise<void>((resolve) => worker.once('exit', () => resolve()))
  let requestId = ''

  const stop = async () => {
    alive = false
    const failure = exitFailure(requestId, 'signal: terminated')
    ready.resolve(failure)
    settle?.({ kind: 'failed', failure })
    await worker.terminate()
    await exited
  }
  const die = (failure: Failure) => {
    if (!alive) return
    alive = false
    ready.resolve(failure)
    if (settle) settle({ kind: 'failed', failure })
    else log(invokeError(failure))
    void worker.terminate()
  }

  worker.on('message', (message: FromWorker) => {
    if (message.kind === 'ready') {
      meter.initialised(performance.now() - startedAt)
      ready.resolve(undefined)
    } else if (message.kind === 'init-failed') ready.resolve(message.failure)
    else if (message.kind === 'died') die(message.failure)
    else if (message.requestId !== requestId) return
    else if (message.kind === 'answered') settle?.(message)
    else settle?.(message)
  })
  // An error here is the thread's own end: out of memory, or a worker that could not start.
  worker.on('error', (error) => die(exitFailure(requestId, describeThreadError(error))))
  worker.on('exit', (code) => {
    if (alive) die(exitFailure(requestId, `exit status ${code}`))
  })

  const invoke = async (invocation: Invocation, onBegun: () => void): Promise<Outcome> => {
    requestId = invocation.requestId
    const initFailure = await withTimeout(ready.promise, INIT_MS_MAX, INIT_TIMED_OUT)
    if (initFailure) {
      if (alive) await stop()
      log(invokeError(initFailure))
      return { kind: 'failed', failure: initFailure }
    }
    const timeoutMs = timeoutSeconds * 1_000
    const outcome = Promise.withResolvers<Outcome>()
    settle = outcome.resolve
    const deadlineMs = Date.now() + timeoutMs
    const message: ToWorker = { ...invocation, deadlineMs }
    const begunAt = performance.now()
    onBegun()
    worker.postMessage(message)
    const timedOut = timeoutOutcome(requestId, timeoutSeconds)
    const result = await withTimeout(outcome.promise, timeoutMs, timedOut)
    settle = undefined
    meter.ran(performance.now() - begunAt)
    if (result === timedOut) await stop()
    if (result.kind === 'failed')
      log(
        result === timedOut ? timeoutLine(requestId, timeoutSeconds) : invokeError(result.failure),
      )
    return result
  }
  return { invoke, isAlive: () => alive, stop }
}

/** An environment whose handler string leads nowhere fails each invocation as its import would. */
function brokenSandbox(failure: Failure, log: (line: string) => void): Sandbox {
  return {
    invoke: async () => {
      log(invokeError(failure))
      return { kind: 'failed', failure }
    },
    isAlive: () => false,
    stop: async () => {},
  }
}

const INIT_TIMED_OUT: Failure = {
  errorType: 'Sandbox.Timedout',
  errorMessage: `Error: The import did not end within ${INIT_MS_MAX / 1_000} s`,
}

async function withTimeout<T>(promise: Promise<T>, ms: number, late: NoInfer<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const expiry = new Promise<T>((resolve) => {
    timer = setTimeout(() => resolve(late), ms)
  })
  return Promise.race([promise, expiry]).finally(() => clearTimeout(timer))
}

const timeoutWords = (seconds: number) => `Task timed out after ${seconds.toFixed(2)} seconds`

function timeoutOutcome(requestId: string, seconds: number): Outcome {
  const errorMessage = `RequestId: ${requestId} Error: ${timeoutWords(seconds)}`
  return { kind: 'failed', failure: { errorType: 'Sandbox.Timedout', errorMessage } }
}

const timeoutLine = (requestId: string, seconds: number) =>
  `${new Date().toISOString()} ${requestId} ${timeoutWords(seconds)}`

const invokeError = (failure: Failure) => `ERROR\tInvoke Error\t${JSON.stringify(failure)}`

function exitFailure(requestId: string, how: string): Failure {
  const errorMessage = `RequestId: ${requestId} Error: Runtime exited with error: ${how}`
  return { errorType: 'Runtime.ExitError', errorMessage }
}

/**
 * Lambda's kernel kills a process that outgrows its memory; a thread ends with this code instead.
 */
function describeThreadError(error: unknown): string {
  const code = typeof error === 'object' && error && 'code' in error ? error.code : undefined
  return code === 'ERR_WORKER_OUT_OF_MEMORY' ? 'signal: killed' : String(error)
}

type ResolvedHandler = { readonly modulePath: string; readonly exportName: string }

function resolveHandler(codeRoot: string, handler: string): ResolvedHandler | { failure: Failure } {
  const dot = handler.lastIndexOf('.')
  const stem = join(codeRoot, handler.slice(0, dot))
  const modulePath = [`${stem}.mjs`, `${stem}.js`].find((path) => existsSync(path))
  if (dot > 0 && modulePath) return { modulePath, exportName: handler.slice(dot + 1) }
  const module = handler.slice(0, Math.max(dot, 0))
  const errorMessage = `Error: Cannot find module '${module}'`
  return { failure: { errorType: 'Runtime.ImportModuleError', errorMessage, trace: [] } }
}

function workerSettings(options: SandboxOptions, handler: ResolvedHandler): WorkerSettings {
  const { function: called } = options
  const day = new Date().toISOString().slice(0, 10).replaceAll('-', '/')
  return {
    ...handler,
    functionName: called.name,
    functionArn: called.arn,
    memoryMb: called.memoryMb,
    logGroupName: `/aws/lambda/${called.name}`,
    logStreamName: `${day}/[$LATEST]${randomBytes(16).toString('hex')}`,
  }
}

function environment(options: SandboxOptions, settings: WorkerSettings): Record<string, string> {
  const { function: called, region, codeRoot } = options
  return {
    LANG: 'en_US.UTF-8',
    TZ: ':UTC',
    ...options.baseEnv,
    ...called.environment,
    _HANDLER: called.handler,
    AWS_REGION: region,
    AWS_DEFAULT_REGION: region,
    AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs24.x',
    AWS_LAMBDA_FUNCTION_NAME: called.name,
    AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(called.memoryMb),
    AWS_LAMBDA_INITIALIZATION_TYPE: 'on-demand',
    // Not Lambda's: by it the database tells functions apart (pg reads it).
    PGAPPNAME: called.name,
    AWS_LAMBDA_LOG_GROUP_NAME: settings.logGroupName,
    AWS_LAMBDA_LOG_STREAM_NAME: settings.logStreamName,
    LAMBDA_TASK_ROOT: codeRoot,
    LAMBDA_RUNTIME_DIR: '/var/runtime',
  }
}

/**
 * Hands on every whole line; a line without end is cut at the bound, the last one may lack its end.
 */
function eachLine(stream: NodeJS.ReadableStream, take: (line: string) => void): void {
  const decoder = new StringDecoder('utf8')
  let rest = ''
  stream.on('data', (chunk: Buffer) => {
    const lines = (rest + decoder.write(chunk)).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) if (line !== '') take(line)
    if (rest.length < LOG_LINE_CHARS_MAX) return
    take(rest)
    rest = ''
  })
  stream.on('end', () => {
    if (rest !== '') take(rest)
  })
}
