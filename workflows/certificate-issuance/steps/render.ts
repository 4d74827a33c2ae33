import { createHash } from 'node:crypto'
import { pdfKeyOf } from '../../../functions/certificate/domain/certificate.ts'
import { assert } from '../../../shared/kernel/assert.ts'
import type { Step } from '../../../shared/lambda/step.ts'
import { putObject } from '../../../shared/storage/objects.ts'
import { CertificateRejected } from '../errors.ts'
import { NotPrintable } from '../printer.ts'
import { sheetOf } from '../sheet.ts'
import { hold, type StepDeps, type StepInput } from './hold.ts'

/** Prints the snapshot and stores it. The same snapshot gives the same bytes. */
export const render: Step<StepInput, void, StepDeps> = async (
  input,
  call,
  { printer, storage, links },
) => {
  const held = await hold(input, call, async (certificate) => certificate)
  const { certificateId, snapshot } = held
  assert(snapshot, 'what is printed was taken down')
  const sheet = sheetOf(snapshot, {
    certificateId,
    page: links.certificate(certificateId).page,
  })
  const body = await printer.print(sheet, snapshot.issuedAt).catch((error: unknown) => {
    if (error instanceof NotPrintable) throw new CertificateRejected('not_printable', error.message)
    throw error
  })
  const key = pdfKeyOf(held)
  await putObject(storage, key, { body, contentType: 'application/pdf' })
  const sha256 = createHash('sha256').update(body).digest('hex')
  await hold(input, call, async (certificate) => ({
    ...certificate,
    pdf: { key, sizeBytes: body.length, sha256 },
  }))
}
