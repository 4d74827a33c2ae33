import { html } from 'hono/html'

/** Markup; hono's `html` escapes whatever is put into it that is not markup itself. */
export type Markup = ReturnType<typeof html>
export type Cell = Markup | string

/** How often a page asks for its figures again while somebody looks at it. */
export const REFRESH_SECONDS = 2

const SECTIONS = [
  ['/_hub', 'Overview'],
  ['/_hub/functions', 'Functions'],
  ['/_hub/events', 'Events'],
  ['/_hub/dead-letters', 'Dead letters'],
  ['/_hub/workflows', 'Workflows'],
  ['/_hub/logs', 'Logs'],
  ['/_hub/mail', 'Mail'],
] as const

export type Section = (typeof SECTIONS)[number][0]

/**
 * A page of the console.
 *
 * @param section that it belongs to; none for what a mail's link leads to.
 * @param isLive whether parts of it (`live`) are kept up to date.
 */
export const page = ({
  title,
  section,
  isLive = false,
  body,
}: {
  title: string
  section?: Section
  isLive?: boolean
  body: Markup
}): string =>
  String(html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title} · Learning Hub</title>
<link rel="icon" href="/_hub/assets/icon.svg">
<link rel="stylesheet" href="/_hub/assets/console.css">
${isLive ? html`<script src="/_hub/assets/live.js" defer></script>` : ''}
</head>
<body>
<a class="skip" href="#content">Skip to content</a>
${section === undefined ? '' : header(section)}
<main id="content">
<div class="title"><h1>${title}</h1>${isLive ? html`<div id="refresh" data-seconds="${REFRESH_SECONDS}"></div>` : ''}</div>
${body}
</main>
</body>
</html>`)

const header = (section: Section): Markup => html`<header>
<span class="brand">Learning Hub</span>
<nav aria-label="Console"><ul>${SECTIONS.map(
  ([path, name]) =>
    html`<li><a href="${path}"${path === section ? html` aria-current="page"` : ''}>${name}</a></li>`,
)}</ul></nav>
</header>`

/** A part of a page that is kept up to date. */
export const live = (id: string, content: Markup): Markup =>
  html`<div id="${id}" data-live>${content}</div>`

export type Column = string | { readonly name: string; readonly isFigure: true }

export const figure = (name: string): Column => ({ name, isFigure: true })

/** A table that scrolls in its own frame where the window is narrow. The first cell of a row names it. */
export const table = (
  caption: string,
  columns: readonly Column[],
  rows: readonly (readonly Cell[])[],
): Markup => {
  const classes = columns.map((column) => (typeof column === 'string' ? '' : html` class="figure"`))
  const names = columns.map((column) => (typeof column === 'string' ? column : column.name))
  return html`<div class="scroll" tabindex="0" role="region" aria-label="${caption}">
<table><caption class="unseen">${caption}</caption>
<thead><tr>${names.map((name, at) => html`<th scope="col"${classes[at]}>${name}</th>`)}</tr></thead>
<tbody>${rows.map(
    (row) =>
      html`<tr>${row.map((cell, at) =>
        at === 0 ? html`<th scope="row">${cell}</th>` : html`<td${classes[at]}>${cell}</td>`,
      )}</tr>`,
  )}</tbody></table></div>`
}

/** Names and their values. */
export const facts = (entries: readonly (readonly [string, Cell])[]): Markup =>
  html`<dl class="facts">${entries.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`

export const code = (text: string): Markup => html`<code>${text}</code>`

export const list = (items: readonly Markup[]): Markup =>
  html`<ul>${items.map((item) => html`<li>${item}</li>`)}</ul>`

export const empty = (sentence: string): Markup => html`<p class="empty">${sentence}</p>`

/** Large figures at the head of a page. */
export const tiles = (
  entries: readonly { name: string; value: string | number; href?: string; isBad?: boolean }[],
): Markup =>
  html`<dl class="tiles">${entries.map(
    ({ name, value, href, isBad }) =>
      html`<div${isBad ? html` class="bad"` : ''}><dt>${href ? html`<a href="${href}">${name}</a>` : name}</dt><dd>${isBad ? '⚠ ' : ''}${value}</dd></div>`,
  )}</dl>`

export type Tone = 'good' | 'bad' | 'busy' | 'calm'

const SIGNS: Readonly<Record<Tone, string>> = { good: '✓', bad: '✕', busy: '●', calm: '○' }

/** A word with a sign and a colour: whoever sees no colour reads the word. */
export const badge = (tone: Tone, word: string): Markup =>
  html`<span class="badge ${tone}"><span aria-hidden="true">${SIGNS[tone]}</span> ${word}</span>`

/** `2026-01-31 13:05:09` in UTC. */
export const time = (at: Date | number | string): Markup => {
  const iso = new Date(at).toISOString()
  return html`<time datetime="${iso}">${iso.slice(0, 19).replace('T', ' ')}</time>`
}

/** Milliseconds as a person reads them. */
export const duration = (ms: number | undefined | null): string => {
  if (ms === undefined || ms === null) return '–'
  if (ms < 10) return `${ms.toFixed(1)} ms`
  if (ms < 1_000) return `${Math.round(ms)} ms`
  return ms < 120_000 ? `${(ms / 1_000).toFixed(1)} s` : `${Math.round(ms / 60_000)} min`
}

const SHOWN_LENGTH_MAX = 20_000

/** JSON, indented and cut; what is no JSON as it is. */
export const json = (label: string, text: string): Markup => {
  const shown = indented(text)
  const isCut = shown.length > SHOWN_LENGTH_MAX
  return html`<pre class="json" tabindex="0" role="region" aria-label="${label}">${shown.slice(0, SHOWN_LENGTH_MAX)}</pre>${isCut ? html`<p class="dim">The first ${SHOWN_LENGTH_MAX} of ${shown.length} characters.</p>` : ''}`
}

const indented = (text: string): string => {
  try {
    return JSON.stringify(JSON.parse(text), null, 2)
  } catch {
    return text
  }
}

export const traceLink = (trace: string | undefined): Cell =>
  trace === undefined
    ? '–'
    : html`<a href="/_hub/logs?trace=${trace}">${code(trace.slice(0, 8))}<span class="unseen"> trace ${trace}</span></a>`
