import { type ChildProcess, spawn } from 'node:child_process'
import { eventually } from '../eventually.ts'

const READY_TIMEOUT_MS = 60_000
const STOP_TIMEOUT_MS = 10_000
const LINES_KEPT = 40

/** A running engine: what faults are made of. */
export type EngineProcess = {
  readonly pid: number
  /** Resolves with the exit code, or null after a signal. */
  readonly exited: Promise<number | null>
  isRunning(): boolean
  /** SIGSTOP: the process keeps its sockets and answers nothing. */
  pause(): void
  resume(): void
  /** SIGKILL, and gone when it resolves. */
  kill(): Promise<void>
  /** SIGTERM, and after a grace SIGKILL. */
  stop(): Promise<void>
  /** The last lines of its output. */
  tail(): string
}

export type EngineOptions = {
  readonly program: string
  readonly args: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
  readonly cwd?: string
  /** What must stop throwing before the engine counts as started. */
  readonly ready: () => unknown
  readonly readyTimeoutMs?: number
  /** Runs it as this numeric user and group: for programs that refuse to be root. */
  readonly userId?: number
}

/**
 * Starts an engine and waits until it answers. The kernel ends it with its parent, however that ends, so no suite
 * leaves one behind.
 *
 * @throws an Error with its last lines when it ends or does not get ready in time.
 */
export const startEngine = async (options: EngineOptions): Promise<EngineProcess> => {
  const { program, args, environment, cwd, ready, readyTimeoutMs = READY_TIMEOUT_MS } = options
  const identity =
    options.userId === undefined || process.getuid?.() !== 0
      ? []
      : [`--reuid=${options.userId}`, `--regid=${options.userId}`, '--clear-groups']
  const child = spawn('setpriv', [...identity, '--pdeathsig=KILL', program, ...args], {
    env: { ...process.env, ...environment },
    ...(cwd && { cwd }),
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const tail = keepTail(child)
  const exited = new Promise<number | null>((resolve) => {
    child.once('error', () => resolve(null))
    child.once('exit', (code) => resolve(code))
  })
  let running = true
  const ended = exited.then((code) => {
    running = false
    return code
  })
  const kill = async () => {
    child.kill('SIGKILL')
    await ended
  }
  try {
    await eventually(
      async () => {
        if (running) await ready()
      },
      { timeoutMs: readyTimeoutMs },
    )
    if (!running) throw new Error('it ended')
  } catch (error) {
    await kill()
    throw new Error(`${program} did not start: ${String(error)}\n${tail()}`)
  }
  return {
    pid: child.pid ?? 0,
    exited: ended,
    isRunning: () => running,
    pause: () => child.kill('SIGSTOP'),
    resume: () => child.kill('SIGCONT'),
    kill,
    async stop() {
      child.kill('SIGTERM')
      const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS)
      await ended
      clearTimeout(timer)
    },
    tail,
  }
}

const keepTail = (child: ChildProcess): (() => string) => {
  let lines: string[] = []
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (chunk: Buffer) => {
      lines = [...lines, ...chunk.toString().split('\n').filter(Boolean)].slice(-LINES_KEPT)
    })
  return () => lines.join('\n')
}
