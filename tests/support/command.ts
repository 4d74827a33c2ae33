import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))
const MINUTE_MS = 60_000
const TIMEOUT_MS = 15 * MINUTE_MS
const OUTPUT_GRACE_MS = 5_000
const LINES_KEPT = 150

export type CommandOptions = {
  /** In addition to this process's own. */
  readonly environment?: Readonly<Record<string, string>>
  readonly cwd?: string
  /** For its standard input, which is closed after it. */
  readonly input?: string
  readonly timeoutMs?: number
}

export type CommandResult = {
  /** The exit code, or null after a signal. */
  readonly code: number | null
  readonly out: string
  readonly error: string
  /** Both, as they came. */
  readonly said: string
}

/** The program could not be started, or was not over in time; the message ends with the last of what it said. */
export class CommandError extends Error {
  override readonly name = 'CommandError'
}

/**
 * Runs a program to its end, whatever its exit code.
 *
 * Its end is when it exits: a daemon that it leaves behind may hold its output open for ever.
 *
 * @throws CommandError
 */
export const runCommand = (
  program: string,
  args: readonly string[],
  { environment, cwd, input, timeoutMs = TIMEOUT_MS }: CommandOptions = {},
): Promise<CommandResult> =>
  new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      env: { ...process.env, ...environment },
      ...(cwd && { cwd }),
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    let [out, error, said] = ['', '', '']
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      out += chunk
      said += chunk
    })
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      error += chunk
      said += chunk
    })
    // Who reads no input may close it: not an error of the command.
    child.stdin.once('error', () => {})
    child.stdin.end(input)
    const fail = (reason: string) => {
      clearTimeout(timer)
      reject(new CommandError(`${[program, ...args].join(' ')} ${reason}\n${tailOf(said)}`.trim()))
    }
    const timer = setTimeout(() => {
      child.kill('SIGKILL')
      fail(`was not over after ${timeoutMs / 1_000} s`)
    }, timeoutMs)
    const finish = (code: number | null) => {
      clearTimeout(timer)
      resolve({ code, out, error, said })
    }
    child.once('error', ({ message }) => fail(`could not be started: ${message}`))
    child.once('close', finish)
    child.once('exit', (code) => setTimeout(() => finish(code), OUTPUT_GRACE_MS).unref())
  })

/** The last lines of what a program said. */
export const tailOf = (said: string, lines = LINES_KEPT): string =>
  said.trim().split('\n').slice(-lines).join('\n')

/** A tool of tools/ as its npm script runs it. */
export const runTool = async (
  tool: string,
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<{ code: number | null; out: string; error: string }> => {
  const { code, out, error } = await runCommand(
    process.execPath,
    ['--no-warnings', `tools/${tool}.ts`, ...args],
    { cwd: root, environment },
  )
  return { code, out: out.trim(), error: error.trim() }
}
