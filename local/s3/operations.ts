import { S3Error } from './errors.ts'
import { createBucket, headBucket, listBuckets, listObjectsV2 } from './handlers/buckets.ts'
import type { Handler } from './handlers/exchange.ts'
import {
  abortUpload,
  completeUpload,
  createUpload,
  listParts,
  listUploads,
  uploadPart,
} from './handlers/multipart.ts'
import {
  copyObject,
  deleteObject,
  deleteObjects,
  getObject,
  headObject,
  putObject,
} from './handlers/objects.ts'
import type { S3Request } from './wire/request.ts'

type Level = 'service' | 'bucket' | 'object'

type Operation = {
  readonly method: string
  readonly level: Level
  /** Query parameters and headers that make it this operation; a value must match, if one is given. */
  readonly when?: Readonly<Record<string, string | undefined>>
  readonly whenHeader?: string
  /** Query parameters that it understands. */
  readonly query?: readonly string[]
  readonly handle: Handler
}

const RESPONSE_OVERRIDES = [
  'response-cache-control',
  'response-content-disposition',
  'response-content-encoding',
  'response-content-language',
  'response-content-type',
  'response-expires',
]

/** Everything this server does; the first that fits is taken. */
const OPERATIONS: readonly Operation[] = [
  { method: 'GET', level: 'service', handle: listBuckets },
  { method: 'PUT', level: 'bucket', handle: createBucket },
  { method: 'HEAD', level: 'bucket', handle: headBucket },
  {
    method: 'GET',
    level: 'bucket',
    when: { 'list-type': '2' },
    query: [
      'prefix',
      'delimiter',
      'max-keys',
      'continuation-token',
      'start-after',
      'encoding-type',
      'fetch-owner',
    ],
    handle: listObjectsV2,
  },
  {
    method: 'GET',
    level: 'bucket',
    when: { uploads: undefined },
    query: ['prefix', 'key-marker', 'upload-id-marker', 'max-uploads'],
    handle: listUploads,
  },
  { method: 'POST', level: 'bucket', when: { delete: undefined }, handle: deleteObjects },
  { method: 'POST', level: 'object', when: { uploads: undefined }, handle: createUpload },
  { method: 'POST', level: 'object', when: { uploadId: undefined }, handle: completeUpload },
  {
    method: 'PUT',
    level: 'object',
    when: { partNumber: undefined, uploadId: undefined },
    handle: uploadPart,
  },
  {
    method: 'GET',
    level: 'object',
    when: { uploadId: undefined },
    query: ['part-number-marker', 'max-parts'],
    handle: listParts,
  },
  { method: 'DELETE', level: 'object', when: { uploadId: undefined }, handle: abortUpload },
  { method: 'PUT', level: 'object', whenHeader: 'x-amz-copy-source', handle: copyObject },
  { method: 'PUT', level: 'object', handle: putObject },
  { method: 'GET', level: 'object', query: RESPONSE_OVERRIDES, handle: getObject },
  { method: 'HEAD', level: 'object', query: RESPONSE_OVERRIDES, handle: headObject },
  { method: 'DELETE', level: 'object', handle: deleteObject },
]

/**
 * The operation that a request asks for.
 *
 * @throws S3Error NotImplemented for any query parameter or x-amz- header that would be ignored.
 */
export function findOperation(request: S3Request): Handler {
  const operation = OPERATIONS.find((candidate) => fits(candidate, request))
  if (operation === undefined) throw new S3Error('NotImplemented')
  const known = [...Object.keys(operation.when ?? {}), ...(operation.query ?? [])]
  const ignored = request.query.find(
    ([name]) => !known.includes(name) && name !== 'x-id' && !isAuthorization(name),
  )
  if (ignored !== undefined) {
    throw new S3Error('NotImplemented', `The query parameter ${ignored[0]} is not supported.`)
  }
  for (const [name, value] of request.headers) assertKnownHeader(operation, name, value)
  return operation.handle
}

function fits(operation: Operation, request: S3Request): boolean {
  return (
    operation.method === request.method &&
    operation.level === levelOf(request) &&
    Object.entries(operation.when ?? {}).every(([name, value]) =>
      request.query.some(([n, v]) => n === name && (value === undefined || v === value)),
    ) &&
    (operation.whenHeader === undefined || request.headers.has(operation.whenHeader))
  )
}

const levelOf = (request: S3Request): Level =>
  request.bucket === undefined ? 'service' : request.key === undefined ? 'bucket' : 'object'

const isAuthorization = (name: string): boolean => /^X-Amz-/i.test(name)

const KNOWN_HEADER =
  /^x-amz-(date|content-sha256|decoded-content-length|trailer|user-agent|meta-.+|sdk-checksum-algorithm|checksum-.+|copy-source|copy-source-if-.+|metadata-directive|mp-object-size)$/

/** The only values that these may have: they name what happens anyway. */
const HARMLESS_VALUES: Readonly<Record<string, string>> = {
  'x-amz-acl': 'private',
  'x-amz-storage-class': 'STANDARD',
}

function assertKnownHeader(operation: Operation, name: string, value: string): void {
  if (!name.startsWith('x-amz-') || HARMLESS_VALUES[name] === value) return
  const misplaced = name.startsWith('x-amz-copy-source') && operation.handle !== copyObject
  if (misplaced || !KNOWN_HEADER.test(name)) {
    throw new S3Error('NotImplemented', `The header ${name} is not supported.`)
  }
}
