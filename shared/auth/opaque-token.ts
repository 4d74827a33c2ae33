import { createHash, hkdfSync, randomBytes } from 'node:crypto'
import { seal, unseal } from './seal.ts'

/** Secrets that only their holder knows: what mails and refresh tokens are made of. */
export type OpaqueTokens = {
  /** 256 random bits as base64url. */
  make(): string
  /** How a token is stored and found; a secret of 256 bits needs no salt and no slow hash. */
  hashOf(token: string): string
  /** Seals a token's successor so that only who presents the token itself can be given it again. */
  sealSuccessor(successor: string, token: string): Promise<string>
  /** @throws when `token` is not the one it was sealed for. */
  openSuccessor(sealed: string, token: string): Promise<string>
}

const TOKEN_BYTES = 32
const KEY_BYTES = 32

export const opaqueTokens: OpaqueTokens = {
  make: () => randomBytes(TOKEN_BYTES).toString('base64url'),
  hashOf: (token) => createHash('sha256').update(token).digest('hex'),
  sealSuccessor: (successor, token) => seal(successor, successorKey(token)),
  openSuccessor: (sealed, token) => unseal(sealed, successorKey(token)),
}

// Not the hash that is stored: the database alone opens nothing.
const successorKey = (token: string): Uint8Array =>
  new Uint8Array(hkdfSync('sha256', token, '', 'hub refresh successor', KEY_BYTES))
