import type { Bench } from '../harness/bench.ts'
import { EXECUTIONS, startHub } from './hub.ts'
import { startPdfkit } from './pdfkit.ts'
import { FONT_FILE } from './texts.ts'

const EMBEDDED = 'pdfkit 0.20, Noto Sans embedded'
const BUILT_IN = 'pdfkit 0.20, built-in Helvetica'

export const certificates: Bench = {
  name: 'certificates',
  title: 'A certificate rendered, signed, stored and recorded, against a PDF in memory.',
  rounds: 4,
  contenders: [
    { name: 'hub', start: startHub },
    { name: EMBEDDED, start: () => startPdfkit(FONT_FILE) },
    { name: BUILT_IN, start: () => startPdfkit('Helvetica') },
  ],
  goals: [
    { metric: 'certificatesPerSecond', against: EMBEDDED, atLeast: 10 },
    { metric: 'certificatesPerSecond', against: BUILT_IN, atLeast: 0.5 },
  ],
  notes: [
    `Ours: the five steps of the issuing workflow, each in its own transactions, ${EXECUTIONS} executions under way in one Node process; a PDF/A-2a with its fonts, tags and a QR code inside; an Ed25519 credential; the PDF in the local S3 (in the same process); rows in a PostgreSQL 15 that waits for its disk at every commit. The interpreter of the state machine is left out.`,
    'The peers write the same words on a page and keep the bytes in memory: no archive standard, tags, QR code, signature, storage or record. Helvetica is no font file at all: it has Latin letters only, and every reader brings its own.',
    'Of the CPU of one certificate about a third is the PUT of the PDF, with the local S3’s half of it, a third the seven transactions, a quarter Typst (of which a quarter is the QR code’s picture), and the rest the making of the QR code and the signature. Typst alone is above ten times pdfkit with the same font.',
  ],
}
