import { html } from 'hono/html'
import type { Mail } from '../mail/mail.ts'
import { empty, type Markup, page, time, traceLink } from './layout.ts'

export const MAILS_SHOWN_MAX = 100

/** Mails as text, newest first: what a person would find in the inbox. */
export const mailPage = (mails: readonly Mail[]): string =>
  page({
    title: 'Sent mail',
    section: '/_hub/mail',
    body:
      mails.length === 0
        ? empty('No mail yet.')
        : html`<p>Nothing leaves this machine: what the hub sends is read here. The newest ${MAILS_SHOWN_MAX} are shown, newest first.</p>
          ${mails.map(article)}`,
  })

const article = ({ subject, to, at, traceId, text }: Mail): Markup => html`<article>
<h2>${subject}</h2>
<p class="dim">${time(at)} to ${to.join(', ')} · trace ${traceLink(traceId)}</p>
<div class="mail">${linked(text)}</div>
</article>`

const linked = (text: string): Markup =>
  html`${text
    .split(/(https?:\/\/\S+)/)
    .map((part, index) => (index % 2 === 1 ? html`<a href="${part}">${part}</a>` : part))}`
