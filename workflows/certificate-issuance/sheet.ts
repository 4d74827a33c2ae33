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

/** Presentation selectors and joiners between emoji have no glyph of their own; control characters have none at all. */
const printable = (text: string): string =>
  text
    .normalize('NFC')
    .replaceAll(/[\uFE0E\uFE0F]|(?<=\p{Extended_Pictographic})\u200D/gu, '')
    .replaceAll(/\p{Cc}/gu, ' ')

const dayOf = (at: Instant): string => toIso(at).slice(0, 10)

// The base direction of a paragraph follows its text only by `dir`, so a name in Hebrew or Arabic is set from the right.
const TEMPLATE = `
#let t = sys.inputs
#let rtl = regex("[\\u{590}-\\u{8ff}\\u{fb1d}-\\u{fdff}\\u{fe70}-\\u{fefc}]")
#let own(body) = text(dir: if body.match(rtl) != none { rtl-dir } else { ltr }, body)
#set document(title: "Certificate: " + t.course, author: t.issuer, date: auto)
#set page(width: 297mm, height: 210mm, margin: 22mm)
#set text(font: ("Noto Sans", "Noto Naskh Arabic", "Noto Sans Hebrew", "Noto Sans Bengali", "Noto Sans Tamil",
  "Noto Sans Thai", "Noto Sans SC", "Noto Sans KR", "Noto Emoji"), fallback: true, size: 12pt, lang: "en")
#place(top + left, rect(width: 100%, height: 100%, stroke: 1.5pt + rgb("#1f3a5f")))
#align(center, {
  v(12mm)
  text(size: 14pt, fill: rgb("#1f3a5f"), tracking: 2pt)[CERTIFICATE OF COMPLETION]
  v(10mm)
  text(size: 30pt, own(t.name))
  v(4mm)
  [has completed the course]
  v(4mm)
  text(size: 20pt, own(t.course))
  v(4mm)
  own(t.organization)
  v(6mm)
  [Completed on #t.completed #h(6mm) Version #t.version #if t.grade != "" [#h(6mm) Grade #t.grade]]
  linebreak()
  [Issued on #t.issued #if t.validUntil != "" [#h(6mm) Valid until #t.validUntil]]
})
#place(bottom + left, dx: 8mm, dy: -8mm, grid(
  columns: (26mm, auto), column-gutter: 6mm, align: (left, left + horizon),
  image(bytes(t.qr), format: "svg", width: 26mm, alt: "QR code with the address at which this certificate is verified"),
  text(size: 8.5pt)[
    #t.issuer \\
    Certificate #t.id \\
    Only the page at this address says whether it is valid: \\
    #link(t.page, t.page)
  ],
))
`.replace('rtl-dir', 'direction.rtl')
