import { HIDDEN, type Redact } from './redact.ts'

/** A line that a function, a pod or a part printed. */
export type LogLine = {
  /** ISO 8601. */
  readonly at: string
  /** A function's full name, or a part of the hub. */
  readonly source: string
  readonly level: Level
  /** Of every trace that the line names: its cause, its invocation. 32 hex digits each. */
  readonly traces: readonly string[]
  /** As it was printed, without secrets, cut at {@link LINE_LENGTH_MAX}. */
  readonly text: string
}

export const LEVELS = ['DEBUG', 'INFO', 'WARN', 'ERROR'] as const
/** A line that names no level counts as INFO. */
export type Level = (typeof LEVELS)[number]

export type LogSearch = {
  readonly trace?: string | undefined
  readonly source?: string | undefined
  /** This level and what is worse. */
  readonly level?: Level | undefined
  /** What the line holds somewhere. */
  readonly text?: string | undefined
}

/** The newest lines, in bounded memory. */
export type LogRing = {
  add(at: string, source: string, line: string): void
  /** Newest first, `limit` at the most, and how many there are. */
  search(
    wanted: LogSearch,
    options: { limit: number },
  ): { readonly lines: readonly LogLine[]; readonly found: number }
  sources(): readonly string[]
  size(): { readonly lines: number; readonly bytes: number }
}

export const LINES_MAX = 20_000
export const BYTES_MAX = 8 * 1_024 * 1_024
export const LINE_LENGTH_MAX = 8_192

export const createLogRing = ({
  redact,
  linesMax = LINES_MAX,
  bytesMax = BYTES_MAX,
}: {
  redact: Redact
  linesMax?: number
  bytesMax?: number
}): LogRing => {
  /** Oldest first; `first` is the oldest that still counts, so that forgetting one moves no other. */
  let lines: (LogLine & { readonly bytes: number })[] = []
  let first = 0
  let bytes = 0
  const forget = () => {
    while (lines.length - first > linesMax || bytes > bytesMax) {
      bytes -= lines[first]?.bytes ?? 0
      first += 1
    }
    if (first <= linesMax) return
    lines = lines.slice(first)
    first = 0
  }
  return {
    add(at, source, line) {
      const fields = fieldsOf(line)
      // A cut could leave half a secret behind, which no pattern knows any more.
      const text = redact(line.slice(0, LINE_LENGTH_MAX * 2)).slice(0, LINE_LENGTH_MAX)
      const size = Buffer.byteLength(text)
      bytes += size
      lines.push({ at, source, ...fields, text, bytes: size })
      forget()
    },
    search(wanted, { limit }) {
      const found = lines.slice(first).filter((line) => fits(line, wanted))
      return { lines: found.slice(-limit).reverse(), found: found.length }
    },
    sources: () => [...new Set(lines.slice(first).map(({ source }) => source))].sort(),
    size: () => ({ lines: lines.length - first, bytes }),
  }
}

const fits = (line: LogLine, { trace, source, level, text }: LogSearch): boolean =>
  (trace === undefined || line.traces.includes(trace)) &&
  (source === undefined || line.source === source) &&
  (level === undefined || LEVELS.indexOf(line.level) >= LEVELS.indexOf(level)) &&
  (text === undefined || (text !== HIDDEN && line.text.includes(text)))

const fieldsOf = (line: string): Pick<LogLine, 'level' | 'traces'> => {
  const fields = parsed(line)
  const level = LEVELS.find((one) => one === fields.level) ?? 'INFO'
  const traces = [fields.trace, fields.trace_id, fields.xray_trace_id].flatMap(
    (given) => traceIdIn(given) ?? [],
  )
  return { level, traces: [...new Set(traces)] }
}

const parsed = (line: string): Readonly<Record<string, unknown>> => {
  if (!line.startsWith('{')) return {}
  try {
    const fields: unknown = JSON.parse(line)
    return typeof fields === 'object' && fields !== null ? { ...fields } : {}
  } catch {
    return {}
  }
}

/** A trace id in any of its forms: 32 hex digits, X-Ray's `1-…-…`, a `traceparent`. */
export const traceIdIn = (given: unknown): string | undefined => {
  if (typeof given !== 'string') return undefined
  const [, whole] = /^(?:00-)?([0-9a-f]{32})(?:-[0-9a-f]{16}-[0-9a-f]{2})?$/.exec(given) ?? []
  if (whole) return whole
  const [, seconds, rest] = /^1-([0-9a-f]{8})-([0-9a-f]{24})$/.exec(given) ?? []
  return seconds && rest ? seconds + rest : undefined
}
