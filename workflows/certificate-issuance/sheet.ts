import { renderSVG } from 'uqr'
import type { Snapshot } from '../../functions/certificate/domain/certificate.ts'
import { ISSUER_NAME } from '../../functions/certificate/domain/credential.ts'
import { percent } from '../../functions/certificate/domain/rule.ts'
import type { CertificateId } from '../../shared/kernel/id.ts'
import { type Instant, toIso } from '../../shared/kernel/time.ts'

/** A Typst document and its texts. They reach it as strings (`sys.inputs`), never as markup. */
export type Sheet = {
  readonly template: string
  readonly texts: Readonly<Record<string, string>>
}

/** What stands on the paper. */
export const sheetOf = (
  snapshot: Snapshot,
  { certificateId, page }: { certificateId: CertificateId; page: string },
): Sheet => {
  const { gradeBasisPoints, validUntil } = snapshot
  return {
    template: TEMPLATE,
    texts: {
      name: printable(snapshot.learnerName),
      course: printable(snapshot.courseTitle),
      organization: printable(snapshot.organizationName),
      version: String(snapshot.courseVersion),
      grade: gradeBasisPoints === null ? '' : percent(gradeBasisPoints),
      completed: dayOf(snapshot.completedAt),
      issued: dayOf(snapshot.issuedAt),
      validUntil: validUntil === null ? '' : dayOf(validUntil),
      issuer: ISSUER_NAME,
      id: certificateId,
      page,
      qr: renderSVG(page, { border: 0 }),
    },
  }
}

/**
 * Presentation selectors, joiners between emoji and direction marks have no glyph of their own, and an override could
 * make a name read as another; control characters have no glyph at all.
 */
const printable = (text: string): string =>
  text
    .normalize('NFC')
    .replaceAll(/[\uFE0E\uFE0F\u200E\u200F\u202A-\u202E\u2066-\u2069]/gu, '')
    .replaceAll(/(?<=\p{Extended_Pictographic})\u200D/gu, '')
    .replaceAll(/\p{Cc}/gu, ' ')

const dayOf = (at: Instant): string => toIso(at).slice(0, 10)

// A paragraph's base direction does not follow its text by itself, so a name in Hebrew or Arabic says that it runs from the
// right. Long names and titles are set smaller until they fit, down to a size that can still be read.
const TEMPLATE = `
#let t = sys.inputs
#let from-right = regex("[\\u{590}-\\u{8ff}\\u{fb1d}-\\u{fdff}\\u{fe70}-\\u{fefc}]")
#let breaks = regex("[ \\p{Han}\\p{Hiragana}\\p{Katakana}\\p{Hangul}]")
#let own(words, ..style) = text(
  dir: if words.match(from-right) != none { direction.rtl } else { direction.ltr }, ..style, words)
#let fitted(words, largest: 12pt, lines: 2) = layout(area => {
  let size = largest
  let widest(size) = calc.max(..words.split(breaks).map(word => measure(own(word, size: size)).width))
  let height(size) = measure(width: area.width, own(words, size: size)).height
  while size > 5pt and (widest(size) > area.width or height(size) > lines * largest * 1.5) { size -= 1pt }
  own(words, size: size)
})
#set document(title: "Certificate: " + t.course, author: t.issuer, date: auto)
#set page(width: 297mm, height: 210mm, margin: 22mm)
#set text(font: ("Noto Sans", "Amiri", "Noto Sans Hebrew", "Noto Sans Bengali", "Noto Sans Tamil",
  "Noto Sans Thai", "Noto Sans SC", "Noto Sans KR", "Noto Emoji"), size: 12pt, lang: "en")
#place(top + left, rect(width: 100%, height: 100%, stroke: 1.5pt + rgb("#1f3a5f")))
#align(center, pad(x: 12mm, {
  v(10mm)
  text(size: 16pt, fill: rgb("#1f3a5f"))[CERTIFICATE OF COMPLETION]
  v(6mm)
  fitted(t.name, largest: 30pt)
  v(2mm)
  [has completed the course]
  v(2mm)
  fitted(t.course, largest: 20pt)
  v(2mm)
  fitted(t.organization, largest: 12pt)
  v(4mm)
  [Completed on #t.completed #h(6mm) Version #t.version #if t.grade != "" [#h(6mm) Grade #t.grade]]
  linebreak()
  [Issued on #t.issued #if t.validUntil != "" [#h(6mm) Valid until #t.validUntil]]
}))
#place(bottom + left, dx: 8mm, dy: -8mm, grid(
  columns: (26mm, auto), column-gutter: 6mm, align: (left, left + horizon),
  image(bytes(t.qr), format: "svg", width: 26mm,
    alt: "QR code with the address at which this certificate is verified"),
  text(size: 8.5pt)[
    #t.issuer \\
    Certificate #t.id \\
    Only the page at this address says whether it is valid: \\
    #link(t.page, t.page)
  ],
))
`
