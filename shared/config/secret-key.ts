import * as z from 'zod'

const KEY_BYTES = 32

/** A symmetric key in a variable: 32 bytes as base64. */
export const secretKeyVariable = z
  .string()
  .refine((text) => Buffer.from(text, 'base64').length === KEY_BYTES, {
    error: `must be ${KEY_BYTES} bytes as base64`,
  })
  .transform((text): Uint8Array => new Uint8Array(Buffer.from(text, 'base64')))
