import { html } from 'hono/html'
import type { RecordPlace } from '../../shared/bus/dead-letter.ts'
import type { LetterDetails, LetterState, LetterSummary } from './dead-letters.ts'
import {
  badge,
  code,
  empty,
  facts,
  figure,
  json,
  type Markup,
  page,
  type Tone,
  table,
  time,
  traceLink,
} from './layout.ts'
import type { Redact } from './redact.ts'

export const LETTERS_PER_PAGE = 100
/** Records that one press of the button tries again. */
export const REDRIVEN_AT_ONCE_MAX = 100
export const STATES: readonly LetterState[] = ['parked', 'redriven', 'discarded']

const section = '/_hub/dead-letters'

/** What an action came to, as the page after it says; a form can ask for none but these. */
export const NOTES = {
  redriven: 'The record went through.',
  'still-parked': 'The record failed again and is still parked.',
  discarded: 'The record is discarded.',
  'not-parked': 'Nothing was done: the record is not parked any more.',
} as const

export type Note = keyof typeof NOTES

export const isNote = (given: string | undefined): given is Note =>
  given !== undefined && Object.hasOwn(NOTES, given)

export const letterPath = (consumer: string, { topic, partition, offset }: RecordPlace): string =>
  `${section}/${encodeURIComponent(consumer)}/${encodeURIComponent(topic)}/${partition}/${offset}`

export const lettersPage = ({
  letters,
  parked,
  consumer,
  state,
  pageNumber,
  redrive,
}: {
  letters: readonly LetterSummary[]
  parked: ReadonlyMap<string, number>
  consumer: string | undefined
  state: LetterState
  pageNumber: number
  /** What trying all of a consumer again has come to, just after it. */
  redrive: { readonly redriven: number; readonly failed: number } | undefined
}): string => {
  const sum = [...parked.values()].reduce((total, each) => total + each, 0)
  const query = consumer === undefined ? '' : `&consumer=${encodeURIComponent(consumer)}`
  return page({
    title: consumer === undefined ? 'Dead letters' : `Dead letters of ${consumer}`,
    section,
    body: html`${redrive ? html`<p class="note" role="status">${redrive.redriven} went through, ${redrive.failed} failed again and are still parked.</p>` : ''}
    <p>Records that a consumer could not digest. ${sum === 0 ? 'None is' : html`<strong>${sum} ${sum === 1 ? 'is' : 'are'}</strong>`} parked now.
      ${consumer === undefined ? '' : html`<a href="${section}?state=${state}">All consumers</a>`}</p>
    <nav aria-label="State"><ul class="choice">${STATES.map(
      (one) =>
        html`<li><a href="${section}?state=${one}${query}"${one === state ? html` aria-current="true"` : ''}>${one}</a></li>`,
    )}</ul></nav>
    ${letters.length === 0 ? empty(`No record is ${state}.`) : lettersTable(letters)}
    ${consumer !== undefined && state === 'parked' && letters.length > 0 ? redriveAll(consumer) : ''}
    <nav aria-label="Pages" class="actions">
      ${pageNumber > 1 ? html`<a href="${section}?state=${state}${query}&amp;page=${pageNumber - 1}">Newer</a>` : ''}
      ${letters.length === LETTERS_PER_PAGE ? html`<a href="${section}?state=${state}${query}&amp;page=${pageNumber + 1}">Older</a>` : ''}
    </nav>`,
  })
}

const redriveAll = (consumer: string): Markup =>
  html`<form method="post" action="${section}/${consumer}/redrive" class="actions">
    <button>Redrive all</button>
    <span class="dim">Tries up to ${REDRIVEN_AT_ONCE_MAX} again, the least tried first.</span></form>`

const lettersTable = (letters: readonly LetterSummary[]): Markup =>
  table(
    'Dead letters',
    ['record', 'consumer', 'reason', figure('tries'), 'parked at', 'state'],
    letters.map((letter) => [
      html`<a href="${letterPath(letter.consumer, letter.place)}">${nameOf(letter.place)}</a>`,
      html`<a href="${section}?consumer=${letter.consumer}&amp;state=${letter.state}">${letter.consumer}</a>`,
      html`<span class="reason">${letter.error.slice(0, REASON_SHOWN_MAX)}</span>`,
      String(letter.attempts),
      time(letter.parkedAt),
      stateBadge(letter.state),
    ]),
  )

const REASON_SHOWN_MAX = 160

export const nameOf = ({ topic, partition, offset }: RecordPlace): string =>
  `${topic}-${partition} @ ${offset}`

const TONES: Readonly<Record<LetterState, Tone>> = {
  parked: 'bad',
  redriven: 'good',
  discarded: 'calm',
}

const stateBadge = (state: LetterState): Markup => badge(TONES[state], state)

export const letterPage = (
  letter: LetterDetails,
  { note, redact }: { note: Note | undefined; redact: Redact },
): string => {
  const path = letterPath(letter.consumer, letter.place)
  return page({
    title: nameOf(letter.place),
    section,
    body: html`${note ? html`<p class="note" role="status">${NOTES[note]}</p>` : ''}
    ${facts([
      ['state', stateBadge(letter.state)],
      ['consumer', html`<a href="${section}?consumer=${letter.consumer}">${letter.consumer}</a>`],
      ['reason', redact(letter.error)],
      ['tries', String(letter.attempts)],
      ['parked at', time(letter.parkedAt)],
      ...(letter.redrivenAt ? [['went through at', time(letter.redrivenAt)] as const] : []),
      ...(letter.discarded
        ? ([
            ['discarded at', time(letter.discarded.at)],
            ['by', letter.discarded.by],
            ['because', letter.discarded.reason],
          ] as const)
        : []),
      ['event', letter.eventId ? code(letter.eventId) : '–'],
      ['trace', traceLink(letter.trace)],
      ['key', letter.key === null ? '–' : code(redact(letter.key))],
    ])}
    ${letter.state === 'parked' ? actions(path) : ''}
    <h2>Record</h2>
    ${letter.value === null ? empty('It has no value.') : json('The record’s value', redact(letter.value))}`,
  })
}

const actions = (path: string): Markup => html`<div class="actions">
<form method="post" action="${path}/redrive"><button class="primary">Redrive</button></form>
<a class="button" href="${path}/discard">Discard …</a>
<span class="dim">Redrive tries the record again. Discard gives it up for good.</span>
</div>`

/** Asks before a record is given up: by whom and why stays with it. */
export const discardPage = (letter: LetterDetails, { operator }: { operator: string }): string => {
  const path = letterPath(letter.consumer, letter.place)
  return page({
    title: 'Discard this record?',
    section,
    body: html`<p><a href="${path}">${nameOf(letter.place)}</a> will never have its effect on
      <strong>${letter.consumer}</strong>. Nothing redrives it afterwards, and it is not counted as parked any more.</p>
    <form method="post" action="${path}/discard" class="stack">
      <label for="by">Your name</label>
      <input id="by" name="by" required maxlength="100" value="${operator}" autocomplete="name">
      <label for="reason">Why</label>
      <textarea id="reason" name="reason" required maxlength="500" rows="3"></textarea>
      <div class="actions"><button class="danger">Discard for good</button><a class="button" href="${path}">Keep it</a></div>
    </form>`,
  })
}
