import { join } from 'node:path'
import { debianProgram, run } from './toolbox.ts'

export type Certificate = {
  readonly keyFile: string
  /** Signed by itself: also whom to trust, for NODE_EXTRA_CA_CERTS, which Node reads when a process starts. */
  readonly certificateFile: string
}

const DAYS = '2'

/** A certificate for `localhost` with its key, as PEM files in a folder. */
export const makeCertificate = async (folder: string): Promise<Certificate> => {
  const openssl = await debianProgram('openssl', ['openssl'])
  const [keyFile, certificateFile] = [join(folder, 'key.pem'), join(folder, 'certificate.pem')]
  await run(openssl, [
    ...['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', DAYS],
    ...['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'],
    ...['-keyout', keyFile, '-out', certificateFile],
  ])
  return { keyFile, certificateFile }
}
