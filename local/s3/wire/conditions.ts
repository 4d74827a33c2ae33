import { S3Error } from '../errors.ts'
import type { ByteRange, Guard, ObjectRecord } from '../storage/objects.ts'

type Headers = ReadonlyMap<string, string>

/**
 * Evaluates a read's conditions.
 *
 * @returns whether the client's copy is still good (304).
 * @throws S3Error PreconditionFailed.
 * @see RFC 9110 section 13.2.2 for their order
 */
export function isNotModified(headers: Headers, record: ObjectRecord, prefix = 'if-'): boolean {
  const match = headers.get(`${prefix}match`)
  const unmodifiedSince = headers.get(`${prefix}unmodified-since`)
  if (match !== undefined) {
    if (!namesEtag(match, record.etag)) throw new S3Error('PreconditionFailed')
  } else if (unmodifiedSince !== undefined && isModifiedSince(record, unmodifiedSince)) {
    throw new S3Error('PreconditionFailed')
  }
  const noneMatch = headers.get(`${prefix}none-match`)
  if (noneMatch !== undefined) return namesEtag(noneMatch, record.etag)
  const modifiedSince = headers.get(`${prefix}modified-since`)
  return modifiedSince !== undefined && !isModifiedSince(record, modifiedSince)
}

/** The condition of a write: `If-None-Match: *` (only create) or `If-Match` (only replace). */
export function writeGuard(headers: Headers): Guard {
  const match = headers.get('if-match')
  const noneMatch = headers.get('if-none-match')
  if (noneMatch !== undefined && noneMatch !== '*') {
    throw new S3Error('NotImplemented', 'If-None-Match of a write takes only *.')
  }
  return (current) => {
    if (noneMatch === '*' && current !== undefined) throw new S3Error('PreconditionFailed')
    if (match === undefined) return
    if (current === undefined) throw new S3Error('NoSuchKey')
    if (!namesEtag(match, current.etag)) throw new S3Error('PreconditionFailed')
  }
}

/**
 * The one range that a read asks for, cut to the object. Several ranges, and what is no byte range,
 * are answered with the whole object, as S3 does and RFC 9110 allows.
 *
 * @throws S3Error InvalidRange if no byte of the object lies in it.
 */
export function readRange(headers: Headers, record: ObjectRecord): ByteRange | undefined {
  const [, first = '', last = ''] = /^bytes=(\d*)-(\d*)$/.exec(headers.get('range') ?? '') ?? []
  if (first === '' && last === '') return undefined
  if (!rangeHolds(headers.get('if-range'), record)) return undefined
  if (first !== '' && last !== '' && Number(last) < Number(first)) return undefined

  const end = record.sizeBytes - 1
  const range =
    first === ''
      ? { first: Math.max(record.sizeBytes - Number(last), 0), last: end }
      : { first: Number(first), last: last === '' ? end : Math.min(Number(last), end) }
  if (range.first > end || (last === '0' && first === '')) throw new S3Error('InvalidRange')
  return range
}

/** Whether a list of entity tags (or `*`) names this one; all of S3's are strong. */
function namesEtag(list: string, etag: string): boolean {
  const names = list.split(',').map((name) => name.trim().replace(/^"|"$/g, ''))
  return names.includes('*') || names.includes(etag)
}

/** HTTP dates have no fractions of a second; a date nobody understands is no condition. */
function isModifiedSince(record: ObjectRecord, httpDate: string): boolean {
  const sinceMs = Date.parse(httpDate)
  return !Number.isNaN(sinceMs) && Math.floor(record.lastModifiedMs / 1_000) * 1_000 > sinceMs
}

function rangeHolds(ifRange: string | undefined, record: ObjectRecord): boolean {
  if (ifRange === undefined) return true
  return ifRange.startsWith('"')
    ? namesEtag(ifRange, record.etag)
    : !isModifiedSince(record, ifRange)
}
