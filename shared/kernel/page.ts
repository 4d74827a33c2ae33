import * as z from 'zod'
import { DomainError } from './errors.ts'
import { type Instant, instantOf, isoSchema } from './time.ts'

export const PAGE_LIMIT_MAX = 100
export const PAGE_LIMIT_DEFAULT = 20

/** `?cursor=&limit=`: the query of every list. The cursor is opaque to clients. */
export const pageQuery = {
  cursor: z.string().max(512).optional(),
  limit: z.coerce.number().int().min(1).max(PAGE_LIMIT_MAX).default(PAGE_LIMIT_DEFAULT),
}

/** A page of `item`; `nextCursor` is null on the last one. */
export const pageOf = <Item extends z.ZodType>(item: Item) =>
  z.object({ items: z.array(item), nextCursor: z.string().nullable() })

/** Which page of a list a store is asked for. */
export type Paging = { readonly cursor?: string | undefined; readonly limit: number }

export type Page<Item> = { readonly items: readonly Item[]; readonly nextCursor: string | null }

/** The sort key of the last row seen, as text that survives a URL. */
export const encodeCursor = (key: readonly string[]): string =>
  Buffer.from(JSON.stringify(key)).toString('base64url')

/** The sort key inside a cursor of `length` parts. @throws `invalid` `request.cursor` for anything else. */
export const decodeCursor = (cursor: string | undefined, length: number): string[] | undefined => {
  if (cursor === undefined) return undefined
  const key = parseKey(cursor)
  if (key?.length !== length) throw notOfThisList()
  return key
}

const INTEGER_MAX = 2_147_483_647

/** A part of a cursor that is a whole number. @throws `invalid` `request.cursor`: a made-up one may hold anything. */
export const cursorInteger = (part: string | undefined): number => {
  const value = Number(part)
  if (!Number.isInteger(value) || Math.abs(value) > INTEGER_MAX) throw notOfThisList()
  return value
}

/** A part of a cursor that is an instant, as `toIso` wrote it. @throws `invalid` `request.cursor` */
export const cursorInstant = (part: string | undefined): Instant => {
  if (!isoSchema.safeParse(part).success) throw notOfThisList()
  return instantOf(part ?? '')
}

const notOfThisList = () =>
  new DomainError('invalid', 'request.cursor', 'The cursor is not one of this list.')

/**
 * Turns `limit + 1` fetched rows into a page: the extra row only proves that there is a next page.
 *
 * @param keyOf the sort key of a row, unique within the list.
 */
export const toPage = <Row, Item>(
  rows: readonly Row[],
  limit: number,
  { keyOf, itemOf }: { keyOf: (row: Row) => readonly string[]; itemOf: (row: Row) => Item },
): Page<Item> => {
  const shown = rows.slice(0, limit)
  const last = shown.at(-1)
  const hasMore = rows.length > limit && last !== undefined
  return { items: shown.map(itemOf), nextCursor: hasMore ? encodeCursor(keyOf(last)) : null }
}

const parseKey = (cursor: string): string[] | undefined => {
  try {
    const key: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString())
    // As in every field (http/request.ts): Postgres takes neither U+0000 nor half a surrogate pair.
    const isText = (part: unknown) =>
      typeof part === 'string' && !part.includes('\0') && part.isWellFormed()
    return Array.isArray(key) && key.every(isText) ? key : undefined
  } catch {
    return undefined
  }
}
