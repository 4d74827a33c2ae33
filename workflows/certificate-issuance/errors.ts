/* The names that Retry and Catch of `state-machine.asl.json` match. */

/** The certificate cannot be made of these facts: trying again would not help. Its reason is for people to read. */
export class CertificateRejected extends Error {
  override readonly name = 'CertificateRejected'

  constructor(reasonCode: string, sentence: string) {
    super(`${reasonCode}: ${sentence}`)
  }
}

/** Something that the certificate speaks of has not been told yet: its event is on the way. */
export class FactsMissing extends Error {
  override readonly name = 'FactsMissing'
}

/** The transaction that started this execution has not been committed yet. */
export class NotYetRecorded extends Error {
  override readonly name = 'NotYetRecorded'
}

/** The run is not this execution's (any more), or is over. Nothing is left to do. */
export class RunOver extends Error {
  override readonly name = 'RunOver'
}
