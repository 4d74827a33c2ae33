import PDFDocument from 'pdfkit'
import type { Running } from '../harness/bench.ts'
import { closedLoop } from '../harness/loop.ts'
import { type FONT_FILE, TEXTS } from './texts.ts'

const ROUND_SECONDS = 3

/** @param font a file, which is embedded, or one of the fonts that every reader of PDF has. */
export const startPdfkit = async (font: typeof FONT_FILE | 'Helvetica'): Promise<Running> => ({
  async round() {
    const before = process.cpuUsage()
    const work = () => print(font)
    const { done, perSecond } = await closedLoop({ clients: 1, seconds: ROUND_SECONDS, work })
    const { user, system } = process.cpuUsage(before)
    return { certificatesPerSecond: perSecond, nodeMicroseconds: (user + system) / done }
  },
  stop: async () => {},
})

const print = async (font: string): Promise<Buffer> => {
  const document = new PDFDocument({ size: 'A4', layout: 'landscape' })
  const pieces: Buffer[] = []
  const ended = new Promise((resolve) => document.once('end', resolve))
  document.on('data', (piece: Buffer) => pieces.push(piece))
  document.font(font)
  document.rect(62, 62, 718, 471).stroke('#1f3a5f')
  const centred = { align: 'center' } as const
  document.fontSize(16).text('CERTIFICATE OF COMPLETION', centred)
  document.fontSize(30).text(TEXTS.learner, centred)
  document.fontSize(12).text('has completed the course', centred)
  document.fontSize(20).text(TEXTS.course, centred)
  document.fontSize(12).text(TEXTS.organization, centred)
  document.text('Completed on 2026-03-01   Version 1', centred)
  document.text('Issued on 2026-03-01', centred)
  document
    .fontSize(8.5)
    .text('Learning Hub')
    .text('Certificate crt_0198c1f2a4b87c3d9e0f1a2b3c4d5e6f')
  document.text('Only the page at this address says whether it is valid:')
  document.text('https://hub.example/c/crt_0198c1f2a4b87c3d9e0f1a2b3c4d5e6f')
  document.end()
  await ended
  return Buffer.concat(pieces)
}
