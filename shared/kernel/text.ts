import type * as z from 'zod'

/**
 * Text of one line that reads as it is stored: no control characters, and none that turn the direction of reading around
 * (U+202E lets `annexe.exe` show as another kind of file, and one person's name as another's).
 */
export const readsAsStored = (text: string): boolean =>
  !/\p{Cc}|[\u202a-\u202e\u2066-\u2069]/u.test(text)

/** A schema of what people call themselves and their things: names end up in mails, file names and lists. */
export const oneLine = (schema: z.ZodString): z.ZodString =>
  schema.refine(readsAsStored, { error: 'must not hold control or direction characters' })
