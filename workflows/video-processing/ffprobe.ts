import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { confined, INPUT_LIMITS, TOOL_BYTES_MAX, TOOL_ENVIRONMENT } from './media-tools.ts'

/** Runs ffprobe on a file of this machine. @returns what it printed. @throws ProbeFailed */
export type Probe = (path: string, args: readonly string[]) => Promise<string>

/** ffprobe refused the file. */
export class ProbeFailed extends Error {
  override readonly name = 'ProbeFailed'
}

/** The first exit code that says that the program was not run at all, or ended by a signal. */
const NOT_RUN = 126
const PROBE_MS_MAX = 120_000
/** One line for each picture of four hours at 120 a second. */
const ANSWER_BYTES_MAX = 64 * 1_024 ** 2

/** @param timeoutMs after which it is killed. */
export const ffprobe =
  (ffprobePath: string, { timeoutMs = PROBE_MS_MAX }: { timeoutMs?: number } = {}): Probe =>
  async (path, args) => {
    const { program, args: words } = confined(
      {
        program: ffprobePath,
        args: ['-v', 'error', ...INPUT_LIMITS, ...args, `file:${path}`],
      },
      TOOL_BYTES_MAX.ffprobe,
    )
    try {
      const { stdout } = await promisify(execFile)(program, words, {
        timeout: timeoutMs,
        killSignal: 'SIGKILL',
        maxBuffer: ANSWER_BYTES_MAX,
        env: TOOL_ENVIRONMENT,
      })
      return stdout
    } catch (cause) {
      // Ended with a verdict on the file; everything else (no such program, a signal) is our own
      // fault.
      const code: unknown = Reflect.get(Object(cause), 'code')
      if (typeof code !== 'number' || code >= NOT_RUN) throw cause
      throw new ProbeFailed(String(Reflect.get(Object(cause), 'stderr')), { cause })
    }
  }
