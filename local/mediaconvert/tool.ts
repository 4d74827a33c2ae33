import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { confined, TOOL_ENVIRONMENT } from '../../workflows/video-processing/media-tools.ts'

/** The last part of what a program complained about, in characters. */
const COMPLAINT_CHARS_MAX = 2_000
/** What a program may answer in all, in characters: ffprobe's JSON is some kilobytes. */
const ANSWER_CHARS_MAX = 4 * 1_024 * 1_024

export type ToolRun = {
  readonly path: string
  readonly args: readonly string[]
  /** Where it runs; relative names keep our folders out of patterns and messages. */
  readonly folder?: string
  /** Memory of its own that it may have, in bytes. */
  readonly memoryBytesMax: number
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

/** Runs ffmpeg or ffprobe on a leash (see `leash.ts`), without our environment, confined (see `media-tools.ts`). */
export function runTool({
  path,
  args,
  folder,
  memoryBytesMax,
  silenceMsMax,
  signal,
  onLine,
}: ToolRun): Promise<ToolResult> {
  const tool = confined({ program: path, args }, memoryBytesMax)
  const leash = join(import.meta.dirname, '..', 'leash.ts')
  const nodeArgs = ['--disable-warning=ExperimentalWarning', leash, '0', tool.program, ...tool.args]
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
