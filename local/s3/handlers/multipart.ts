import * as z from 'zod'
import { S3Error } from '../errors.ts'
import { PART_NUMBER_MAX, type Part, type PartClaim, type Upload } from '../storage/multipart.ts'
import {
  PUT_BYTES_MAX,
  readText,
  type StoredChecksum,
  type VerifiedBody,
  verifiedBody,
  XML_BYTES_MAX,
} from '../wire/body.ts'
import {
  CHECKSUM_ALGORITHMS,
  checksumAlgorithm,
  checksumElement,
  checksumHeader,
} from '../wire/checksums.ts'
import { writeGuard } from '../wire/conditions.ts'
import { queryCount, queryValue, type S3Request } from '../wire/request.ts'
import { parseXml } from '../wire/xml.ts'
import {
  bucketOf,
  type Exchange,
  type Handler,
  keyOf,
  OWNER,
  quoted,
  xmlReply,
} from './exchange.ts'
import { asArray, readDescription } from './objects.ts'

const PARTS_PER_PAGE_MAX = 1_000
const UPLOADS_PER_PAGE_MAX = 1_000

export const createUpload: Handler = async (exchange) => {
  const { request, uploads, now } = exchange
  const bucket = bucketOf(exchange)
  const checksum = readUploadChecksum(request)
  const id = await uploads.create({
    ...readDescription(request.headers),
    bucket: bucket.name,
    key: keyOf(exchange),
    initiatedMs: now,
    checksum,
  })
  const reply = xmlReply('InitiateMultipartUploadResult', {
    Bucket: bucket.name,
    Key: keyOf(exchange),
    UploadId: id,
  })
  if (checksum === null) return reply
  const headers = {
    'x-amz-checksum-algorithm': checksum.algorithm,
    'x-amz-checksum-type': checksum.type,
  }
  return { ...reply, headers: { ...reply.headers, ...headers } }
}

export const uploadPart: Handler = async (exchange) => {
  const { request, authorization, disk, uploads, now } = exchange
  const name = uploadName(exchange)
  const number = readPartNumber(request)
  const upload = uploads.find(name)
  const body = verifiedBody(request, authorization, PUT_BYTES_MAX)
  assertPartChecksum(upload, body)
  const blob = { id: await disk.writeBlob(body), sizeBytes: body.sizeBytes }
  const part: Part = {
    number,
    blob,
    etag: body.md5Hex,
    lastModifiedMs: now,
    checksum: body.checksum,
  }
  await disk.keepIf([blob], uploads.putPart(name, part))
  const { checksum } = part
  const headers = checksum === null ? {} : { [checksumHeader(checksum.algorithm)]: checksum.value }
  return { status: 200, headers: { etag: quoted(part.etag), ...headers } }
}

export const completeUpload: Handler = async (exchange) => {
  const { request, authorization, uploads, now } = exchange
  const name = uploadName(exchange)
  const text = await readText(
    verifiedBody(withoutObjectChecksum(request), authorization, XML_BYTES_MAX),
  )
  const object = await uploads.complete(name, {
    claims: readClaims(text),
    checksum: readObjectChecksum(request),
    sizeBytes: readObjectSize(request),
    guard: writeGuard(request.headers),
    nowMs: now,
  })
  return xmlReply('CompleteMultipartUploadResult', {
    Location: `http://${request.headers.get('host')}${request.rawPath}`,
    Bucket: name.bucket.name,
    Key: name.key,
    ETag: quoted(object.etag),
    ...checksumXml(object.checksum),
    ChecksumType: object.checksum?.type,
  })
}

export const abortUpload: Handler = async (exchange) => {
  await exchange.uploads.abort(uploadName(exchange))
  return { status: 204 }
}

export const listParts: Handler = async (exchange) => {
  const { request, uploads } = exchange
  const name = uploadName(exchange)
  const upload = uploads.find(name)
  const marker = queryCount(request, 'part-number-marker', PART_NUMBER_MAX) ?? 0
  const limit = queryCount(request, 'max-parts', PARTS_PER_PAGE_MAX) ?? PARTS_PER_PAGE_MAX
  const parts = [...upload.parts.values()]
    .filter((part) => part.number > marker)
    .sort((a, b) => a.number - b.number)
  const page = parts.slice(0, limit)
  return xmlReply('ListPartsResult', {
    Bucket: upload.bucket,
    Key: upload.key,
    UploadId: upload.id,
    PartNumberMarker: marker,
    NextPartNumberMarker: page.at(-1)?.number,
    MaxParts: limit,
    IsTruncated: parts.length > page.length,
    Initiator: OWNER,
    Owner: OWNER,
    StorageClass: 'STANDARD',
    ChecksumAlgorithm: upload.checksum?.algorithm,
    ChecksumType: upload.checksum?.type,
    Part: page.map((part) => ({
      PartNumber: part.number,
      LastModified: new Date(part.lastModifiedMs).toISOString(),
      ETag: quoted(part.etag),
      Size: part.blob.sizeBytes,
      ...checksumXml(part.checksum),
    })),
  })
}

export const listUploads: Handler = async (exchange) => {
  const { request, uploads } = exchange
  const bucket = bucketOf(exchange)
  const prefix = queryValue(request, 'prefix') ?? ''
  const keyMarker = queryValue(request, 'key-marker') ?? ''
  const idMarker = queryValue(request, 'upload-id-marker') ?? ''
  const limit = queryCount(request, 'max-uploads', UPLOADS_PER_PAGE_MAX) ?? UPLOADS_PER_PAGE_MAX
  const all = uploads.list(bucket)
  const found = afterMarker(all, keyMarker, idMarker).filter(({ key }) => key.startsWith(prefix))
  const page = found.slice(0, limit)
  const isTruncated = found.length > page.length
  return xmlReply('ListMultipartUploadsResult', {
    Bucket: bucket.name,
    Prefix: prefix,
    KeyMarker: keyMarker,
    UploadIdMarker: idMarker,
    NextKeyMarker: isTruncated ? page.at(-1)?.key : undefined,
    NextUploadIdMarker: isTruncated ? page.at(-1)?.id : undefined,
    MaxUploads: limit,
    IsTruncated: isTruncated,
    Upload: page.map((upload) => ({
      Key: upload.key,
      UploadId: upload.id,
      Initiator: OWNER,
      Owner: OWNER,
      StorageClass: 'STANDARD',
      Initiated: new Date(upload.initiatedMs).toISOString(),
      ChecksumAlgorithm: upload.checksum?.algorithm,
      ChecksumType: upload.checksum?.type,
    })),
  })
}

const uploadName = (exchange: Exchange) => ({
  bucket: bucketOf(exchange),
  key: keyOf(exchange),
  uploadId: queryValue(exchange.request, 'uploadId') ?? '',
})

/** Uploads behind a key, or behind one upload of that key. */
function afterMarker(
  uploads: readonly Upload[],
  keyMarker: string,
  idMarker: string,
): readonly Upload[] {
  if (keyMarker === '') return uploads
  const marked = uploads.findIndex(({ key, id }) => key === keyMarker && id === idMarker)
  if (marked >= 0) return uploads.slice(marked + 1)
  return uploads.filter(({ key }) => Buffer.compare(Buffer.from(key), Buffer.from(keyMarker)) > 0)
}

function readPartNumber(request: S3Request): number {
  const number = Number(queryValue(request, 'partNumber'))
  if (!Number.isInteger(number) || number < 1 || number > PART_NUMBER_MAX) {
    throw new S3Error(
      'InvalidArgument',
      `Part number must be an integer between 1 and ${PART_NUMBER_MAX}, inclusive`,
    )
  }
  return number
}

/** Composite unless the client wants the checksum of the whole, which CRC64NVME always is. */
function readUploadChecksum({ headers }: S3Request): Upload['checksum'] {
  const name = headers.get('x-amz-checksum-algorithm')
  const type = headers.get('x-amz-checksum-type')?.toUpperCase()
  if (name === undefined) {
    if (type === undefined) return null
    throw new S3Error('InvalidRequest', 'A checksum type needs a checksum algorithm.')
  }
  const algorithm = checksumAlgorithm(name)
  const chosen = type ?? (algorithm === 'CRC64NVME' ? 'FULL_OBJECT' : 'COMPOSITE')
  const isPossible =
    (chosen === 'COMPOSITE' && algorithm !== 'CRC64NVME') ||
    (chosen === 'FULL_OBJECT' && algorithm.startsWith('CRC'))
  if (!isPossible) {
    throw new S3Error(
      'InvalidRequest',
      `The ${chosen} checksum type cannot be used with the ${algorithm} algorithm.`,
    )
  }
  return { algorithm, type: chosen as 'COMPOSITE' | 'FULL_OBJECT' } // isPossible has seen to it.
}

/** S3 wants a composite upload's algorithm on every part, and no other algorithm on any. */
function assertPartChecksum({ checksum }: Upload, body: VerifiedBody): void {
  const actual = body.checksumAlgorithm
  const isOptional = checksum?.type === 'FULL_OBJECT' && actual === undefined
  if (actual === checksum?.algorithm || isOptional) return
  throw new S3Error(
    'InvalidRequest',
    `Checksum Type mismatch occurred, expected checksum Type: ${checksum?.algorithm.toLowerCase() ?? 'null'}, ` +
      `actual checksum Type: ${actual?.toLowerCase() ?? 'null'}`,
  )
}

const text = z.string().optional()

const completionSchema = z.strictObject({
  Part: z.preprocess(
    asArray,
    z
      .array(
        z.strictObject({
          PartNumber: z.coerce.number().int().min(1).max(PART_NUMBER_MAX),
          ETag: z.string().min(1),
          ChecksumCRC32: text,
          ChecksumCRC32C: text,
          ChecksumCRC64NVME: text,
          ChecksumSHA1: text,
          ChecksumSHA256: text,
          '#text': text,
        }),
      )
      .min(1)
      .max(PART_NUMBER_MAX),
  ),
  '#text': text,
})

function readClaims(xml: string): readonly PartClaim[] {
  const parsed = completionSchema.safeParse(parseXml(xml, 'CompleteMultipartUpload'))
  if (!parsed.success) throw new S3Error('MalformedXML')
  return parsed.data.Part.map((part) => {
    const algorithm = CHECKSUM_ALGORITHMS.find((name) => part[`Checksum${name}`] !== undefined)
    const value = algorithm && part[`Checksum${algorithm}`]
    return {
      number: part.PartNumber,
      etag: part.ETag,
      checksum: algorithm && value !== undefined ? { algorithm, value } : undefined,
    }
  })
}

/** At a completion, x-amz-checksum- headers speak of the object and not of the document sent. */
function readObjectChecksum({ headers }: S3Request): StoredChecksum | undefined {
  const algorithm = CHECKSUM_ALGORITHMS.find((name) => headers.has(checksumHeader(name)))
  if (algorithm === undefined) return undefined
  return { algorithm, value: headers.get(checksumHeader(algorithm)) ?? '' }
}

function withoutObjectChecksum(request: S3Request): S3Request {
  const headers = new Map(request.headers)
  for (const algorithm of CHECKSUM_ALGORITHMS) headers.delete(checksumHeader(algorithm))
  return { ...request, headers }
}

function readObjectSize({ headers }: S3Request): number | undefined {
  const size = headers.get('x-amz-mp-object-size')
  if (size === undefined) return undefined
  if (!/^\d{1,15}$/.test(size)) throw new S3Error('InvalidArgument')
  return Number(size)
}

const checksumXml = (checksum: StoredChecksum | null): Record<string, string> =>
  checksum === null ? {} : { [checksumElement(checksum.algorithm)]: checksum.value }
