import { describe, expect, it } from '@jest/globals'
import { addMs, HOUR_MS, instantOf, MINUTE_MS, SECOND_MS } from '../../shared/kernel/time.ts'
import {
  ATTEMPTS_MAX,
  type Delivery,
  obstacleOf,
  retry,
  type Suppression,
} from './domain/delivery.ts'
import { fallbacks, languages, textsFor } from './domain/locale.ts'
import { suppressionOf } from './domain/mail-event.ts'
import { type TemplateName, templates } from './domain/message.ts'
import { renderMail } from './domain/render.ts'
import { en } from './domain/templates/en.ts'

const now = instantOf('2026-03-01T10:00:00.000Z')

describe('the languages', () => {
  it('fall back from region to language to English', () => {
    expect(fallbacks('de-AT')).toEqual(['de-AT', 'de', 'en'])
    expect(fallbacks('zh-Hant-TW')).toEqual(['zh-Hant-TW', 'zh-Hant', 'zh', 'en'])
    expect(fallbacks('en-GB')).toEqual(['en-GB', 'en'])
    expect(textsFor('fr-CA')).toBe(languages.fr)
    expect(textsFor('xx')).toBe(en)
  })

  const names = (text: { subject: string; paragraphs: readonly string[] }) =>
    [...[text.subject, ...text.paragraphs].join(' ').matchAll(/\{(\w+)\}/g)].map(([, name]) => name)

  it.each(Object.keys(languages))('name in %s the same facts as in English', (language) => {
    const { messages } = textsFor(language)
    for (const template of Object.keys(templates) as TemplateName[]) {
      expect(new Set(names(messages[template]))).toEqual(new Set(names(en.messages[template])))
      expect(messages[template].action === undefined).toBe(
        en.messages[template].action === undefined,
      )
    }
  })
})

describe('renderMail', () => {
  const invitation = (organizationName: string) =>
    renderMail({
      template: 'invitation',
      content: {
        facts: { organizationName, expiresAt: '2026-03-02T10:00:00.000Z' },
        link: '/invitation',
      },
      reader: { name: '', locale: 'en', timeZone: 'Europe/Paris' },
      courseTitle: undefined,
      publicUrl: 'https://hub.example.org',
      token: 'a&b"c',
      unsubscribeUrl: undefined,
    })

  it('shows instants in the zone and language of the reader', () => {
    expect(invitation('Riverside').text).toContain('March 2, 2026 at 11:00:00 AM GMT+1')
  })

  it('escapes facts and links in HTML and leaves plain text plain', () => {
    const { text, html } = invitation('A&B <Ltd>')
    expect(text).toContain('A&B <Ltd>')
    expect(html).toContain('A&amp;B &lt;Ltd&gt;')
    expect(html).toContain('token=a%26b%22c')
  })

  it('never reads a fact as a text with names of its own, nor as a header', () => {
    expect(invitation('{expiresAt}\r\nBcc: x').subject).toBe(
      'Join {expiresAt} Bcc: x on Learning Hub',
    )
  })
})

const delivery = (changes: Partial<Delivery> = {}) =>
  ({
    category: 'learning',
    template: 'enrolled',
    content: { facts: {} },
    attempts: 1,
    expiresAt: null,
    ...changes,
  }) as Delivery

describe('obstacleOf', () => {
  const known = (suppressions: Suppression[] = [], wantsMail = true) => ({
    addressee: undefined,
    wantsMail,
    suppressions,
  })
  const bounce: Suppression = { reason: 'bounce', category: '' }
  const complaint: Suppression = { reason: 'complaint', category: '' }
  const unsubscribed: Suppression = { reason: 'unsubscribe', category: 'learning' }

  it('heeds every wish for optional mail', () => {
    expect(obstacleOf(delivery(), known(), now)).toBeUndefined()
    expect(obstacleOf(delivery(), known([], false), now)).toBe('preference')
    expect(obstacleOf(delivery(), known([complaint]), now)).toBe('complained')
    expect(obstacleOf(delivery(), known([unsubscribed]), now)).toBe('unsubscribed')
    expect(obstacleOf(delivery({ category: 'course' }), known([unsubscribed]), now)).toBeUndefined()
  })

  it('lets nothing but a bounce stop security mail', () => {
    const security = delivery({ category: 'security' })
    expect(obstacleOf(security, known([complaint, unsubscribed], false), now)).toBeUndefined()
    expect(obstacleOf(security, known([bounce]), now)).toBe('bounced')
  })

  it('ends at the instant of expiry', () => {
    expect(obstacleOf(delivery({ expiresAt: now }), known(), now)).toBe('expired')
    expect(obstacleOf(delivery({ expiresAt: addMs(now, 1) }), known(), now)).toBeUndefined()
  })
})

describe('retry', () => {
  const delayMs = (attempts: number, random: number) => {
    const outcome = retry({ attempts }, { reason: 'x', now, random })
    return outcome.state === 'waiting' ? outcome.dueAt - now : undefined
  }

  it('doubles the wait up to an hour and spreads it over its second half', () => {
    expect([delayMs(1, 0), delayMs(1, 0.999)]).toEqual([15 * SECOND_MS, 29_985])
    expect(delayMs(2, 0)).toBe(30 * SECOND_MS)
    expect(delayMs(9, 0)).toBe(HOUR_MS / 2)
    expect(delayMs(3, 0)).toBe(MINUTE_MS)
  })

  it('ends after the last attempt', () => {
    expect(retry({ attempts: ATTEMPTS_MAX }, { reason: 'x', now, random: 0 })).toEqual({
      state: 'failed',
      reason: 'x',
    })
  })
})

describe('suppressionOf', () => {
  const of = (event: object) => suppressionOf({ event: '', email: 'a@example.org', ...event })

  it.each([
    [
      { event: 'bounce', type: 'bounce' },
      { reason: 'bounce', category: '' },
    ],
    [{ event: 'bounce', type: 'blocked' }, undefined],
    [
      { event: 'dropped', reason: 'Bounced Address' },
      { reason: 'bounce', category: '' },
    ],
    [
      { event: 'dropped', reason: 'Spam Reporting Address' },
      { reason: 'complaint', category: '' },
    ],
    [{ event: 'dropped', reason: 'Invalid SMTPAPI header' }, undefined],
    [{ event: 'spamreport' }, { reason: 'complaint', category: '' }],
    [
      { event: 'unsubscribe', category: 'course' },
      { reason: 'unsubscribe', category: 'course' },
    ],
    [{ event: 'unsubscribe', category: ['security'] }, undefined],
    [{ event: 'delivered' }, undefined],
  ])('%j', (event, expected) => {
    expect(of(event)).toEqual(expected)
  })
})
