import { validateHeaderValue } from 'node:http'
import * as z from 'zod'
import { S3Error, toS3Error } from '../errors.ts'
import type { Description, ObjectRecord } from '../storage/objects.ts'
import {
  PUT_BYTES_MAX,
  readText,
  type VerifiedBody,
  verifiedBody,
  XML_BYTES_MAX,
} from '../wire/body.ts'
import { checksumElement, checksumHeader } from '../wire/checksums.ts'
import { isNotModified, readRange, writeGuard } from '../wire/conditions.ts'
import { decodeUri, KEY_BYTES_MAX, type Reply } from '../wire/request.ts'
import { parseXml } from '../wire/xml.ts'
import { bucketOf, type Exchange, type Handler, keyOf, quoted, xmlReply } from './exchange.ts'

export const METADATA_BYTES_MAX = 2 * 1_024
const DELETED_AT_ONCE_MAX = 1_000

const DESCRIBING_HEADERS = [
  'cache-control',
  'content-disposition',
  'content-encoding',
  'content-language',
  'content-type',
  'expires',
]

export const putObject: Handler = async (exchange) => {
  const { request, authorization, objects, now } = exchange
  const bucket = bucketOf(exchange)
  const description = readDescription(request.headers)
  const guard = writeGuard(request.headers)
  guard(bucket.objects.get(keyOf(exchange))) // Refused before its bytes come, if it can be.
  const body = verifiedBody(request, authorization, PUT_BYTES_MAX)
  const record = await storeBody(exchange, body, {
    ...description,
    key: keyOf(exchange),
    lastModifiedMs: now,
  })
  await exchange.disk.keepIf(record.blobs, objects.put(bucket, record, guard))
  return { status: 200, headers: { etag: quoted(record.etag), ...checksumHeaders(record) } }
}

export const getObject: Handler = async (exchange) => readObject(exchange, true)

export const headObject: Handler = async (exchange) => readObject(exchange, false)

export const deleteObject: Handler = async (exchange) => {
  const guard = writeGuard(exchange.request.headers)
  await exchange.objects.remove(bucketOf(exchange), keyOf(exchange), guard)
  return { status: 204 }
}

export const copyObject: Handler = async (exchange) => {
  const { request, objects, now } = exchange
  const bucket = bucketOf(exchange)
  const source = readCopySource(exchange)
  if (isNotModified(request.headers, source, 'x-amz-copy-source-if-')) {
    throw new S3Error('PreconditionFailed')
  }
  const directive = request.headers.get('x-amz-metadata-directive') ?? 'COPY'
  if (directive !== 'COPY' && directive !== 'REPLACE') throw new S3Error('InvalidArgument')
  const isOntoItself = bucket.objects.get(keyOf(exchange)) === source
  if (isOntoItself && directive === 'COPY') {
    throw new S3Error('InvalidRequest', 'Copying an object onto itself must change its metadata.')
  }
  if (request.headers.has('x-amz-checksum-algorithm')) {
    throw new S3Error('NotImplemented', 'A copy keeps the checksum of its source.')
  }
  const { headers, metadata } = directive === 'COPY' ? source : readDescription(request.headers)
  const blobs = await objects.linkContent(source)
  const record = {
    ...source,
    headers,
    metadata,
    blobs,
    key: keyOf(exchange),
    lastModifiedMs: now,
    uploadId: null,
  }
  await exchange.disk.keepIf(blobs, objects.put(bucket, record, writeGuard(request.headers)))
  return xmlReply('CopyObjectResult', {
    LastModified: new Date(now).toISOString(),
    ETag: quoted(record.etag),
    ...(record.checksum === null
      ? {}
      : {
          [checksumElement(record.checksum.algorithm)]: record.checksum.value,
          ChecksumType: record.checksum.type,
        }),
  })
}

const deleteSchema = z.strictObject({
  Object: z.preprocess(
    asArray,
    z
      .array(
        z.strictObject({
          Key: z.string().min(1).max(KEY_BYTES_MAX),
          '#text': z.string().optional(),
        }),
      )
      .min(1)
      .max(DELETED_AT_ONCE_MAX),
  ),
  Quiet: z.enum(['true', 'false']).default('false'),
  '#text': z.string().optional(),
})

export const deleteObjects: Handler = async (exchange) => {
  const bucket = bucketOf(exchange)
  const body = verifiedBody(exchange.request, exchange.authorization, XML_BYTES_MAX)
  if (!body.hasIntegrityCheck) {
    throw new S3Error('InvalidRequest', 'Missing required header: Content-MD5 or x-amz-checksum-*')
  }
  const parsed = deleteSchema.safeParse(parseXml(await readText(body), 'Delete'))
  if (!parsed.success) throw new S3Error('MalformedXML')
  const outcomes = await Promise.all(
    parsed.data.Object.map(async ({ Key }) => {
      const refused = await exchange.objects
        .remove(bucket, Key, () => undefined)
        .then(() => undefined, toS3Error)
      return { Key, refused }
    }),
  )
  const deleted = outcomes.filter(({ refused }) => refused === undefined)
  return xmlReply('DeleteResult', {
    Deleted: parsed.data.Quiet === 'true' ? [] : deleted.map(({ Key }) => ({ Key })),
    Error: outcomes.flatMap(({ Key, refused }) =>
      refused === undefined ? [] : [{ Key, Code: refused.code, Message: refused.message }],
    ),
  })
}

type RecordStart = Pick<ObjectRecord, 'key' | 'headers' | 'metadata' | 'lastModifiedMs'>

/** Stores a whole body as one blob and describes it; the caller puts the record. */
export async function storeBody(
  { disk }: Pick<Exchange, 'disk'>,
  body: VerifiedBody,
  start: RecordStart,
): Promise<ObjectRecord> {
  const id = await disk.writeBlob(body)
  return {
    ...start,
    blobs: [{ id, sizeBytes: body.sizeBytes }],
    sizeBytes: body.sizeBytes,
    etag: body.md5Hex,
    checksum: body.checksum === null ? null : { ...body.checksum, type: 'FULL_OBJECT' },
    uploadId: null,
  }
}

/** @throws S3Error MetadataTooLarge. */
export function readDescription(fields: ReadonlyMap<string, string>): Description {
  const headers: Record<string, string> = { 'content-type': 'binary/octet-stream' }
  for (const name of DESCRIBING_HEADERS) {
    const value = name === 'content-encoding' ? contentEncoding(fields) : fields.get(name)
    if (value !== undefined && value !== '') headers[name] = headerValue(name, value)
  }
  const metadata: Record<string, string> = {}
  let bytes = 0
  for (const [name, value] of fields) {
    if (!name.startsWith('x-amz-meta-')) continue
    metadata[name.slice('x-amz-meta-'.length)] = headerValue(name, value)
    bytes += Buffer.byteLength(name) - 'x-amz-meta-'.length + Buffer.byteLength(value)
  }
  if (bytes > METADATA_BYTES_MAX) throw new S3Error('MetadataTooLarge')
  return { headers, metadata }
}

/** For elements that the XML parser gives as one value or as a list. */
export function asArray(value: unknown): unknown {
  return value === undefined || Array.isArray(value) ? value : [value]
}

/** What comes from a form or a query may hold what no header can say. */
function headerValue(name: string, value: string): string {
  try {
    validateHeaderValue(name, value)
    return value
  } catch (cause) {
    throw new S3Error('InvalidArgument', `The value of ${name} is no header value.`, { cause })
  }
}

/** The encoding of the transfer is not one of the content. */
function contentEncoding(fields: ReadonlyMap<string, string>): string | undefined {
  return fields
    .get('content-encoding')
    ?.split(',')
    .map((encoding) => encoding.trim())
    .filter((encoding) => encoding !== 'aws-chunked')
    .join(',')
}

function readObject(exchange: Exchange, withBody: boolean): Reply {
  const { request, objects } = exchange
  const record = bucketOf(exchange).objects.get(keyOf(exchange))
  if (record === undefined) throw new S3Error('NoSuchKey')
  const validators = {
    etag: quoted(record.etag),
    'last-modified': new Date(record.lastModifiedMs).toUTCString(),
  }
  if (isNotModified(request.headers, record)) return { status: 304, headers: validators }

  const range = readRange(request.headers, record)
  const wholeRange = { first: 0, last: record.sizeBytes - 1 }
  const { first, last } = range ?? wholeRange
  const headers = {
    ...record.headers,
    ...prefixed(record.metadata),
    ...overrides(exchange),
    ...validators,
    'accept-ranges': 'bytes',
    'content-length': String(last - first + 1),
    ...(range === undefined
      ? requestedChecksum(exchange, record)
      : { 'content-range': `bytes ${first}-${last}/${record.sizeBytes}` }),
  }
  const status = range === undefined ? 200 : 206
  return withBody
    ? { status, headers, body: objects.read(record, { first, last }) }
    : { status, headers }
}

const prefixed = (metadata: Readonly<Record<string, string>>) =>
  Object.fromEntries(Object.entries(metadata).map(([name, value]) => [`x-amz-meta-${name}`, value]))

/** `response-content-type=…` and its like: the signature covers them. */
const overrides = ({ request }: Exchange) =>
  Object.fromEntries(
    request.query
      .filter(([name]) => name.startsWith('response-'))
      .map(([name, value]) => [name.slice('response-'.length), headerValue(name, value)]),
  )

function requestedChecksum({ request }: Exchange, record: ObjectRecord) {
  const mode = request.headers.get('x-amz-checksum-mode')?.toUpperCase()
  return mode === 'ENABLED' ? checksumHeaders(record) : {}
}

/** Response headers with an object's checksum, if it has one. */
export function checksumHeaders({
  checksum,
}: Pick<ObjectRecord, 'checksum'>): Record<string, string> {
  if (checksum === null) return {}
  return {
    [checksumHeader(checksum.algorithm)]: checksum.value,
    'x-amz-checksum-type': checksum.type,
  }
}

function readCopySource({ request, objects }: Exchange): ObjectRecord {
  const [path = '', ...query] = (request.headers.get('x-amz-copy-source') ?? '').split('?')
  if (query.length > 0) throw new S3Error('NotImplemented', 'There are no versions here.')
  const [bucket = '', ...key] = decodeUri(path).replace(/^\//, '').split('/')
  const record = objects.bucket(bucket).objects.get(key.join('/'))
  if (record === undefined) throw new S3Error('NoSuchKey')
  return record
}
