import { type ChildProcess, fork } from 'node:child_process'

const LINES_KEPT = 40
const READY_TIMEOUT_MS = 60_000

export type Child = {
  readonly pid: number
  isRunning(): boolean
  /** Resolves once it is gone, whatever ended it. */
  readonly exited: Promise<void>
  /** SIGKILL, and gone when it resolves. */
  kill(): Promise<void>
  /** SIGSTOP: it keeps its sockets and answers nothing. */
  freeze(): void
  thaw(): void
  tail(): string
}

/**
 * Starts a process that says `ready` over its channel and ends when the channel does.
 *
 * @param wrapper a program that runs it, with its arguments (faketime).
 * @throws an Error with its last lines when it ends before it is ready.
 */
export const startChild = async (options: {
  /** What to run (`bundleProcess`). */
  readonly file: string
  readonly environment: Readonly<Record<string, string>>
  readonly wrapper?: readonly string[]
  /** A plan to die may strike before it is ready; then nobody waits for that. */
  readonly mayEnd?: boolean
}): Promise<Child> => {
  const { file, environment, wrapper = [], mayEnd = false } = options
  const quiet = '--disable-warning=ExperimentalWarning'
  const [program, ...args] = [...wrapper, process.execPath]
  const child = fork(file, {
    execPath: program ?? process.execPath,
    execArgv: [...args, quiet],
    env: { PATH: process.env.PATH, ...environment },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  })
  const tail = keepTail(child)
  let running = true
  const exited = new Promise<void>((resolve) =>
    child.once('exit', () => {
      running = false
      resolve()
    }),
  )
  const kill = async () => {
    child.kill('SIGKILL')
    await exited
  }
  const ready = new Promise<'ready'>((resolve) => child.once('message', () => resolve('ready')))
  const late = new Promise<'late'>((resolve) => {
    setTimeout(() => resolve('late'), READY_TIMEOUT_MS).unref()
  })
  const first = await Promise.race([ready, exited, late])
  if (first !== 'ready' && !(mayEnd && !running)) {
    await kill()
    throw new Error(`${file} did not start: ${tail()}`)
  }
  return {
    pid: child.pid ?? 0,
    isRunning: () => running,
    exited,
    kill,
    freeze: () => void child.kill('SIGSTOP'),
    thaw: () => void child.kill('SIGCONT'),
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
