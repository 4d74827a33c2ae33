import { de } from './templates/de.ts'
import { en } from './templates/en.ts'
import { es } from './templates/es.ts'
import { fr } from './templates/fr.ts'
import type { Texts } from './templates/texts.ts'

/** The languages that we write; a region's own texts may join under their tag (`de-AT`). */
export const languages: Readonly<Record<string, Texts>> = { en, de, fr, es }

export const DEFAULT_LOCALE = 'en'

/** What is tried for a BCP 47 tag, best first: `de-AT`, `de`, `en` (RFC 4647 section 3.4, lookup). */
export const fallbacks = (locale: string): readonly string[] => {
  const parts = locale.split('-')
  const own = parts.map((_, index) => parts.slice(0, parts.length - index).join('-'))
  return own.includes(DEFAULT_LOCALE) ? own : [...own, DEFAULT_LOCALE]
}

export const textsFor = (locale: string): Texts =>
  fallbacks(locale)
    .map((tag) => languages[tag])
    .find((texts) => texts !== undefined) ?? en
