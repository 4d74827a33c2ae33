import { spawn } from 'node:child_process'
import { join } from 'node:path'

/** The last part of what a program complained about, in characters. */
const COMPLAINT_CHARS_MAX = 2_000
/** What a program may answer in all, in characters: ffprobe's JSON is some kilobytes. */
const ANSWER_CHARS_MAX = 4 * 1_024 * 1_024

export type ToolRun = {
  readonly path: string
  readonly args: readonly string[]
  /** Where it runs; relative names keep our folders out of patterns and messages. */
  readonly folder?: string
  /** Killed if it says nothing on standard output for so long. */
  readonly silenceMsMax: number
  readonly signal: AbortSignal
  readonly onLine?: (line: string) => void
}

export type ToolResult = {
  readonly code: number
  readonly answer: string
  readonly complaint: string
  readonly wasSilent: boolean
}

/** Runs ffmpeg or ffprobe on a leash (see `leash.ts`) and without our environment. */
export function runTool({
  path,
  args,
  folder,
  silenceMsMax,
  signal,
  onLine,
}: ToolRun): Promise<ToolResult> {
  const leash = join(import.meta.dirname, '..', 'leash.ts')
  const nodeArgs = ['--disable-warning=ExperimentalWarning', leash, '0', path, ...args]
  const child = spawn(process.execPath, nodeArgs, { env: TOOL_ENVIRONMENT, cwd: folder })
  let answer = ''
  let complaint = ''
  let wasSilent = false
  // Closing the pipe is the way to end it: killing the leash would set its program free.
  const stop = () => child.stdin.destroy()
  const silence = setTimeout(() => {
    wasSilent = true
    stop()
  }, silenceMsMax)
  signal.addEventListener('abort', stop, { once: true })
  if (signal.aborted) stop()
  child.stdin.on('error', () => {})
  child.stderr.on('data', (chunk: Buffer) => {
    complaint = (complaint + chunk.toString()).slice(-COMPLAINT_CHARS_MAX)
  })
  child.stdout.on('data', (chunk: Buffer) => {
    silence.refresh()
    answer += chunk.toString()
    if (onLine !== undefined) answer = takeLines(answer, onLine)
    if (answer.length > ANSWER_CHARS_MAX) stop()
  })
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => resolve({ code: code ?? 137, answer, complaint, wasSilent }))
  }).finally(() => {
    clearTimeout(silence)
    signal.removeEventListener('abort', stop)
  }) as Promise<ToolResult>
}

function takeLines(text: string, onLine: (line: string) => void): string {
  const lines = text.split('\n')
  const rest = lines.pop() ?? ''
  for (const line of lines) onLine(line)
  return rest
}

// The static ffprobe of npm loads the machine's iconv modules into its own C library and crashes on
// the service names of any MPEG-TS file; a folder without modules keeps it from that.
const TOOL_ENVIRONMENT = { GCONV_PATH: '/nonexistent' }

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

/** What hostile input may make the tools do: read this one file with one of these demuxers. */
export const INPUT_LIMITS = [
  '-protocol_whitelist',
  'file,pipe',
  '-format_whitelist',
  CONTAINERS.join(','),
]
