import { S3Error } from '../errors.ts'
import type { Reply } from './request.ts'

const METHODS = 'GET, PUT, POST, DELETE, HEAD'
const PREFLIGHT_SECONDS = 3_000
const EXPOSED = [
  'ETag',
  'Content-Length',
  'Content-Range',
  'Accept-Ranges',
  'Last-Modified',
  'x-amz-request-id',
  'x-amz-id-2',
  'x-amz-checksum-crc32',
  'x-amz-checksum-sha256',
].join(', ')

type Headers = Readonly<Record<string, string>>

/** What a browser must be told beside any answer; nothing for an origin that is not allowed. */
export function corsHeaders(origin: string | undefined, allowed: readonly string[]): Headers {
  if (!isAllowed(origin, allowed)) return {}
  return {
    'access-control-allow-origin': origin,
    'access-control-expose-headers': EXPOSED,
    vary: 'Origin',
  }
}

/** @throws S3Error AccessForbidden for an origin or a method that is not allowed. */
export function preflight(headers: ReadonlyMap<string, string>, allowed: readonly string[]): Reply {
  const origin = headers.get('origin')
  const method = headers.get('access-control-request-method')
  if (method === undefined || !METHODS.split(', ').includes(method)) {
    throw new S3Error('AccessForbidden')
  }
  if (!isAllowed(origin, allowed)) throw new S3Error('AccessForbidden')
  const wanted = headers.get('access-control-request-headers')
  return {
    status: 200,
    headers: {
      'access-control-allow-methods': METHODS,
      'access-control-max-age': String(PREFLIGHT_SECONDS),
      ...(wanted === undefined ? {} : { 'access-control-allow-headers': wanted }),
    },
  }
}

const isAllowed = (origin: string | undefined, allowed: readonly string[]): origin is string =>
  origin !== undefined && (allowed.includes('*') || allowed.includes(origin))
