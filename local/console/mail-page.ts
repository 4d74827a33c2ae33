import { html } from 'hono/html'
import type { Mail } from '../mail/mail.ts'
import { empty, type Markup, page, table, time, traceLink } from './layout.ts'

export const MAILS_SHOWN_MAX = 100

/** Mails as text, newest first: what a person would find in the inbox. */
export const mailPage = (mails: readonly Mail[]): string =>
  page({
    title: 'Sent mail',
    section: '/_hub/mail',
    body:
      mails.length === 0
        ? empty('No mail yet.')
        : html`<p>Nothing leaves this machine: what the hub sends is read here. The newest ${MAILS_SHOWN_MAX} are shown.</p>
          ${table(
            'Mails, newest first',
            ['sent', 'to', 'mail', 'trace'],
            mails.map((mail) => [
              time(mail.at),
              mail.to.join(', '),
              html`<strong>${mail.subject}</strong><div class="mail">${linked(mail.text)}</div>`,
              traceLink(mail.traceId),
            ]),
          )}`,
  })

const linked = (text: string): Markup =>
  html`${text
    .split(/(https?:\/\/\S+)/)
    .map((part, index) => (index % 2 === 1 ? html`<a href="${part}">${part}</a>` : part))}`
