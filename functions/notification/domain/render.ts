import { html } from 'hono/html'
import { textsFor } from './locale.ts'
import { type Content, type Facts, type TemplateName, templates } from './message.ts'
import type { Texts } from './templates/texts.ts'

/** For whom a message is put into words. */
export type Reader = {
  readonly name: string
  readonly locale: string
  readonly timeZone: string
}

export type Rendering = {
  readonly template: TemplateName
  readonly content: Content
  readonly reader: Reader
  /** Undefined where it is not known. */
  readonly courseTitle: string | undefined
  /** Where people reach the hub; relative links begin with it. */
  readonly publicUrl: string
}

/** A message in the application. */
export const renderNotification = ({ template, content, ...rendering }: Rendering) => {
  const texts = textsFor(rendering.reader.locale)
  const { subject, paragraphs } = texts.messages[template]
  const fill = fillerOf(factsOf({ template, content, ...rendering }, texts), rendering.reader)
  return {
    template,
    category: templates[template].category,
    title: fill(subject),
    text: paragraphs.map(fill).join('\n\n'),
    link: linkOf(content, rendering.publicUrl),
  }
}

/** A mail, as plain text and as HTML of the same words. */
export const renderMail = (
  rendering: Rendering & {
    /** Opened, for the link. */
    readonly token: string | undefined
    readonly unsubscribeUrl: string | undefined
  },
): { readonly subject: string; readonly text: string; readonly html: string } => {
  const { template, content, reader, publicUrl, token, unsubscribeUrl } = rendering
  const texts = textsFor(reader.locale)
  const { subject, paragraphs, action } = texts.messages[template]
  const fill = fillerOf(factsOf(rendering, texts), reader)
  const parts: Parts = {
    lang: reader.locale,
    subject: oneLine(fill(subject)),
    greeting: reader.name === '' ? texts.greetingWithoutName : fill(texts.greeting),
    paragraphs: paragraphs.map(fill),
    action: action ?? '',
    link: linkOf(content, publicUrl, token),
    signature: texts.signature,
    unsubscribe: texts.unsubscribe,
    unsubscribeUrl,
  }
  return { subject: parts.subject, text: toText(parts), html: toHtml(parts) }
}

/** The page behind the link at the foot of a mail: a question with a button, or the answer to it. */
export const renderUnsubscribePage = ({
  locale,
  isDone,
}: {
  locale: string
  isDone: boolean
}): string => {
  const { title, question, button, done } = textsFor(locale).unsubscribePage
  // The form posts back to the very address, with the body that RFC 8058 gives a mail program's own button.
  const form = html`<p>${question}</p>
<form method="post"><input type="hidden" name="List-Unsubscribe" value="One-Click">
<button>${button}</button></form>`
  return page({
    lang: locale,
    title,
    body: html`<h1>${title}</h1>\n${isDone ? html`<p>${done}</p>` : form}`,
  })
}

type Parts = {
  readonly lang: string
  readonly subject: string
  readonly greeting: string
  readonly paragraphs: readonly string[]
  readonly action: string
  readonly link: string | null
  readonly signature: string
  readonly unsubscribe: string
  readonly unsubscribeUrl: string | undefined
}

const factsOf = (
  {
    content,
    reader,
    courseTitle,
  }: Pick<Rendering, 'content' | 'reader' | 'courseTitle' | 'template'>,
  texts: Texts,
): Facts => ({ name: reader.name, courseTitle: courseTitle ?? texts.someCourse, ...content.facts })

/** Puts facts in place of `{names}`; a fact is never read for braces of its own. */
const fillerOf = (facts: Facts, reader: Reader) => (text: string) =>
  text.replaceAll(/\{(\w+)\}/g, (_, name: string) => {
    const fact = facts[name] ?? ''
    return name.endsWith('At') ? showInstant(fact, reader) : fact
  })

const showInstant = (iso: string, { locale, timeZone }: Reader): string =>
  new Intl.DateTimeFormat(locale, { dateStyle: 'long', timeStyle: 'long', timeZone }).format(
    new Date(iso),
  )

const linkOf = ({ link }: Content, publicUrl: string, token?: string): string | null => {
  if (link === undefined) return null
  const url = new URL(link, publicUrl)
  if (token !== undefined) url.searchParams.set('token', token)
  return url.href
}

// A name with a line break must not become a header of its own.
const oneLine = (text: string): string => text.replaceAll(/\s+/g, ' ').trim()

const toText = ({ greeting, paragraphs, action, link, signature, ...foot }: Parts): string =>
  [
    greeting,
    ...paragraphs,
    ...(link ? [`${action}:\n${link}`] : []),
    signature,
    ...(foot.unsubscribeUrl ? [`--\n${foot.unsubscribe}: ${foot.unsubscribeUrl}`] : []),
  ].join('\n\n')

const toHtml = ({ lang, subject, greeting, paragraphs, action, link, ...foot }: Parts): string => {
  const { signature, unsubscribe, unsubscribeUrl } = foot
  const said = [greeting, ...paragraphs].map((text) => html`<p>${text}</p>\n`)
  const button = link ? html`<p><a href="${link}">${action}</a></p>\n` : ''
  const end = unsubscribeUrl
    ? html`\n<p><small><a href="${unsubscribeUrl}">${unsubscribe}</a></small></p>`
    : ''
  return page({ lang, title: subject, body: html`${said}${button}<p>${signature}</p>${end}` })
}

type Html = ReturnType<typeof html>

const page = ({ lang, title, body }: { lang: string; title: string; body: Html }): string =>
  String(html`<!doctype html>
<html lang="${lang}">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${title}</title></head>
<body>
${body}
</body>
</html>
`)
