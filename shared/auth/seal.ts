import { CompactEncrypt, compactDecrypt } from 'jose'

/**
 * Seals a mailed token for its way through the event log: only the service that mails it holds the key, so that
 * neither the log nor a dead letter ever carries a usable secret (JWE, `dir` with A256GCM).
 *
 * @param key 32 bytes.
 */
export const seal = (secret: string, key: Uint8Array): Promise<string> =>
  new CompactEncrypt(new TextEncoder().encode(secret))
    .setProtectedHeader({ alg: 'dir', enc: 'A256GCM' })
    .encrypt(key)

/** @throws when the seal is broken or made with another key. */
export const unseal = async (sealed: string, key: Uint8Array): Promise<string> => {
  const { plaintext } = await compactDecrypt(sealed, key, {
    keyManagementAlgorithms: ['dir'],
    contentEncryptionAlgorithms: ['A256GCM'],
  })
  return new TextDecoder().decode(plaintext)
}
