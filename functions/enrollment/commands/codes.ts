import { randomInt } from 'node:crypto'

// Crockford's base 32: no I, L, O or U, so that it survives a telephone.
const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
const CODE_LENGTH = 10

/** A new invitation code, `7K3MQ-X9F2T`: 50 random bits. */
export const newCode = (): string => {
  const letters = Array.from({ length: CODE_LENGTH }, () => ALPHABET[randomInt(ALPHABET.length)])
  return `${letters.slice(0, CODE_LENGTH / 2).join('')}-${letters.slice(CODE_LENGTH / 2).join('')}`
}

/** A code as people type it: any case, hyphens and spaces anywhere, O for 0, I and L for 1. */
export const normaliseCode = (typed: string): string => {
  const letters = typed
    .toUpperCase()
    .replaceAll(/[\s-]/g, '')
    .replaceAll('O', '0')
    .replaceAll(/[IL]/g, '1')
  return `${letters.slice(0, CODE_LENGTH / 2)}-${letters.slice(CODE_LENGTH / 2)}`
}
