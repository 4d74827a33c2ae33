import { html } from 'hono/html'
import { badge, code, type Markup, page, type Tone, table, time, traceLink } from './layout.ts'
import {
  BYTES_MAX,
  LEVELS,
  type Level,
  LINES_MAX,
  type LogLine,
  type LogRing,
  type LogSearch,
} from './log-ring.ts'

export const LINES_SHOWN_MAX = 100

/** The newest lines that fit, newest first, with a form to search the rest. */
export const logsPage = (logs: LogRing, wanted: LogSearch): string => {
  const { lines, found } = logs.search(wanted, { limit: LINES_SHOWN_MAX })
  const { lines: held } = logs.size()
  return page({
    title: 'Logs',
    section: '/_hub/logs',
    body: html`${form(logs.sources(), wanted)}
    <p role="status">${found === 0 ? 'No line fits.' : `${found} of ${held} lines fit${found > lines.length ? `; the newest ${lines.length} are shown` : ''}.`}
      <span class="dim">The hub keeps the last ${LINES_MAX} lines, ${BYTES_MAX / 1_024 / 1_024} MB at the most; logs/hub.log in the data folder has more. Tokens and credentials are hidden here.</span></p>
    ${lines.length === 0 ? '' : linesTable(lines)}`,
  })
}

const form = (sources: readonly string[], { trace, source, level, text }: LogSearch): Markup =>
  html`<form method="get" action="/_hub/logs" class="search" role="search">
  <div><label for="trace">Trace id</label><input id="trace" name="trace" value="${trace ?? ''}" size="34" spellcheck="false"></div>
  <div><label for="function">Function or part</label><select id="function" name="function"><option value="">any</option>${withOwn(
    sources,
    source,
  ).map((one) => option(one, one === source))}</select></div>
  <div><label for="level">Level</label><select id="level" name="level"><option value="">any</option>${LEVELS.map(
    (one) => option(one, one === level, one === 'ERROR' ? one : `${one} and worse`),
  )}</select></div>
  <div><label for="text">Holds</label><input id="text" name="text" value="${text ?? ''}"></div>
  <button class="primary">Search</button> <a class="button" href="/_hub/logs">Clear</a>
  </form>`

/** A function by its key, which no other part has. */
const shortOf = (source: string): string => source.replace(/^learning-hub-[a-z]+-(?=\w+$)/, '')

/** What is asked for stands in the list, even where no line of it is held. */
const withOwn = (sources: readonly string[], source: string | undefined): readonly string[] =>
  source === undefined || sources.includes(source) ? sources : [...sources, source]

const option = (value: string, isChosen: boolean, name = value): Markup =>
  html`<option value="${value}"${isChosen ? html` selected` : ''}>${name}</option>`

const TONES: Readonly<Record<Level, Tone>> = {
  DEBUG: 'calm',
  INFO: 'calm',
  WARN: 'busy',
  ERROR: 'bad',
}

const linesTable = (lines: readonly LogLine[]): Markup =>
  table(
    'Log lines, newest first',
    ['time', 'level', 'function or part', 'trace', 'line'],
    lines.map((line) => [
      time(line.at),
      badge(TONES[line.level], line.level.toLowerCase()),
      code(shortOf(line.source)),
      traceLink(line.traces[0]),
      lineCell(line.text),
    ]),
  )

/** A JSON line says its message; the whole of it unfolds. */
const lineCell = (text: string): Markup => {
  const message = messageIn(text)
  return message === undefined
    ? html`<span class="line">${text}</span>`
    : html`<details><summary>${message}</summary><span class="line">${text}</span></details>`
}

const messageIn = (text: string): string | undefined => {
  try {
    const fields: unknown = JSON.parse(text)
    if (typeof fields !== 'object' || fields === null) return undefined
    const { message, type } = fields as { message?: unknown; type?: unknown }
    if (typeof message !== 'string') return 'metrics'
    return typeof type === 'string' ? `${message} (${type})` : message
  } catch {
    return undefined
  }
}
