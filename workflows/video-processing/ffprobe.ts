import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

/** Runs ffprobe on a file of this machine. @returns what it printed. @throws ProbeFailed */
export type Probe = (path: string, args: readonly string[]) => Promise<string>

/** ffprobe refused the file. */
export class ProbeFailed extends Error {
  override readonly name = 'ProbeFailed'
}

const PROBE_MS_MAX = 120_000
/** One line for each picture of four hours at 120 a second. */
const ANSWER_BYTES_MAX = 64 * 1_024 ** 2

/**
 * Containers that carry their own media. No playlist, script or image sequence: those point at
 * other files.
 */
const CONTAINERS = [
  'mov,mp4,m4a,3gp,3g2,mj2',
  'matroska,webm',
  'avi',
  'mpegts',
  'mpeg',
  'mpegvideo',
  'flv',
  'live_flv',
  'asf',
  'ogg',
  'mxf',
]

/** What hostile input may make it do: read this one file, with one of these demuxers. */
const LIMITS = ['-protocol_whitelist', 'file', '-format_whitelist', CONTAINERS.join(',')]

// It needs nothing of ours, and no credentials. The static build of npm loads the machine's iconv
// modules into its own C
// library and crashes on some files; a folder without modules keeps it from that.
const ENVIRONMENT = { GCONV_PATH: '/nonexistent' }

export const ffprobe =
  (ffprobePath: string): Probe =>
  async (path, args) => {
    try {
      const { stdout } = await promisify(execFile)(
        ffprobePath,
        ['-v', 'error', ...LIMITS, ...args, `file:${path}`],
        { timeout: PROBE_MS_MAX, maxBuffer: ANSWER_BYTES_MAX, env: ENVIRONMENT },
      )
      return stdout
    } catch (cause) {
      // Ended with a verdict on the file; everything else (no such program, a signal) is our own
      // fault.
      const code: unknown = Reflect.get(Object(cause), 'code')
      if (typeof code !== 'number') throw cause
      throw new ProbeFailed(String(Reflect.get(Object(cause), 'stderr')), { cause })
    }
  }
