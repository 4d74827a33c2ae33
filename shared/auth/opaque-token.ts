import { createHash, hkdfSync, randomBytes } from 'node:crypto'
import { seal, unseal } from './seal.ts'

const TOKEN_BYTES = 32

/** A secret that only its holder knows: 256 random bits as base64url. Stored as {@link tokenHash} alone. */
export const newToken = (): string => randomBytes(TOKEN_BYTES).toString('base64url')

/** How a token is stored and found; a secret of 256 bits needs no salt and no slow hash. */
export const tokenHash = (token: string): string => createHash('sha256').update(token).digest('hex')

/** Seals a refresh token's successor so that only who presents the token itself can be given it again. */
export const sealSuccessor = (successor: string, token: string): Promise<string> =>
  seal(successor, successorKey(token))

/** @throws when `token` is not the one it was sealed for. */
export const openSuccessor = (sealed: string, token: string): Promise<string> =>
  unseal(sealed, successorKey(token))

// Not the hash that is stored: the database alone opens nothing.
const successorKey = (token: string): Uint8Array =>
  new Uint8Array(hkdfSync('sha256', token, '', 'hub refresh successor', 32))
