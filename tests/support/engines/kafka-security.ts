import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { makeCertificate } from './certificate.ts'

/** How a client signs in to a secured cluster: the variables that functions read, and whom to trust. */
export type KafkaSignIn = {
  readonly username: string
  readonly password: string
  /** For NODE_EXTRA_CA_CERTS, which Node reads when a process starts. */
  readonly certificateFile: string
  /** Key and certificate in one file, as a broker reads them. */
  readonly keystoreFile: string
  /** They make the account when a broker's storage is formatted. */
  readonly formatArgs: readonly string[]
}

export type SecuredListener = {
  readonly address: string
  readonly protocol: string
  readonly properties: Readonly<Record<string, string>>
}

const NAME = 'SECURED'

/** A certificate of its own for `localhost`, and an account. */
export const makeSignIn = async (folder: string): Promise<KafkaSignIn> => {
  const { keyFile, certificateFile } = await makeCertificate(folder)
  const keystoreFile = join(folder, 'keystore.pem')
  const parts = await Promise.all([keyFile, certificateFile].map((file) => readFile(file, 'utf8')))
  await writeFile(keystoreFile, parts.join(''))
  const [username, password] = ['hub', 'hub-secret']
  return {
    ...{ username, password, certificateFile, keystoreFile },
    formatArgs: ['--add-scram', `SCRAM-SHA-512=[name=${username},password=${password}]`],
  }
}

/** The broker's part: one more listener, which nobody uses without TLS and a password. */
export const securedListener = (
  { keystoreFile }: KafkaSignIn,
  port: number | undefined,
): SecuredListener => {
  const prefix = `listener.name.${NAME.toLowerCase()}`
  const login = 'org.apache.kafka.common.security.scram.ScramLoginModule required;'
  return {
    address: `${NAME}://localhost:${port}`,
    protocol: `${NAME}:SASL_SSL`,
    properties: {
      [`${prefix}.ssl.keystore.type`]: 'PEM',
      [`${prefix}.ssl.keystore.location`]: keystoreFile,
      [`${prefix}.sasl.enabled.mechanisms`]: 'SCRAM-SHA-512',
      [`${prefix}.scram-sha-512.sasl.jaas.config`]: login,
    },
  }
}
