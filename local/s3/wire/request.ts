import type { IncomingMessage } from 'node:http'
import type { Readable } from 'node:stream'
import { S3Error } from '../errors.ts'

export const KEY_BYTES_MAX = 1_024

/** One HTTP request in S3's terms. */
export type S3Request = {
  readonly method: string
  /** As it came over the wire, still percent-encoded. */
  readonly rawPath: string
  readonly bucket: string | undefined
  readonly key: string | undefined
  /** Decoded, in the order of the wire; a flag such as `?uploads` has the value ''. */
  readonly query: readonly (readonly [name: string, value: string])[]
  /** Lower-case names; repeated headers are joined with a comma, as SigV4 wants them. */
  readonly headers: ReadonlyMap<string, string>
  /** The body; asking for it tells a client that waits for 100-continue to go on. */
  readonly openBody: () => AsyncIterable<Buffer>
}

export type Reply = {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Readable
}

/** @throws S3Error InvalidURI, KeyTooLongError. */
export function readRequest(message: IncomingMessage, continueBody: () => void): S3Request {
  const [rawPath = '/', ...rawQuery] = (message.url ?? '/').split('?')
  const { bucket, key } = readTarget(rawPath)
  return {
    method: message.method ?? 'GET',
    rawPath,
    bucket,
    key,
    query: readQuery(rawQuery.join('?')),
    headers: readHeaders(message),
    openBody: () => {
      continueBody()
      // The socket must outlive a refused body: the refusal is still to be written to it.
      return message.iterator({ destroyOnReturn: false })
    },
  }
}

export const queryValue = (request: S3Request, name: string): string | undefined =>
  request.query.find(([candidate]) => candidate === name)?.[1]

/** A non-negative integer of the query, at most `max` (more is cut down, as S3 does). */
export function queryCount(request: S3Request, name: string, max: number): number | undefined {
  const text = queryValue(request, name)
  if (text === undefined) return undefined
  if (!/^\d{1,9}$/.test(text)) {
    throw new S3Error('InvalidArgument', `Argument ${name} must be an integer of at least 0.`)
  }
  return Math.min(Number(text), max)
}

/** Percent-decodes; a plus sign stays a plus sign. */
export function decodeUri(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch (cause) {
    throw new S3Error('InvalidURI', undefined, { cause })
  }
}

function readTarget(rawPath: string): Pick<S3Request, 'bucket' | 'key'> {
  const [bucket = '', ...rest] = rawPath.slice(1).split('/')
  const key = decodeUri(rest.join('/'))
  if (Buffer.byteLength(key) > KEY_BYTES_MAX) throw new S3Error('KeyTooLongError')
  return { bucket: decodeUri(bucket) || undefined, key: key || undefined }
}

function readQuery(raw: string): S3Request['query'] {
  return raw
    .split('&')
    .filter((pair) => pair !== '')
    .map((pair) => {
      const [name = '', ...value] = pair.split('=')
      return [decodeUri(name), decodeUri(value.join('='))] as const
    })
}

function readHeaders(message: IncomingMessage): ReadonlyMap<string, string> {
  const headers = new Map<string, string>()
  for (const [name, values] of Object.entries(message.headersDistinct)) {
    if (values !== undefined) headers.set(name, values.join(','))
  }
  return headers
}
