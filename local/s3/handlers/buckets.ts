import * as z from 'zod'
import { S3Error } from '../errors.ts'
import { listPage } from '../storage/listing.ts'
import type { ObjectRecord } from '../storage/objects.ts'
import { readText, verifiedBody, XML_BYTES_MAX } from '../wire/body.ts'
import { queryCount, queryValue, type S3Request } from '../wire/request.ts'
import { parseXml } from '../wire/xml.ts'
import { bucketOf, type Exchange, type Handler, OWNER, xmlReply } from './exchange.ts'

const KEYS_PER_PAGE_MAX = 1_000

export const listBuckets: Handler = async ({ objects }) =>
  xmlReply('ListAllMyBucketsResult', {
    Owner: OWNER,
    Buckets: {
      Bucket: objects.buckets().map(({ name, createdMs }) => ({
        Name: name,
        CreationDate: new Date(createdMs).toISOString(),
      })),
    },
  })

export const createBucket: Handler = async (exchange) => {
  const { request, objects, now } = exchange
  const name = request.bucket ?? ''
  if (!isBucketName(name)) throw new S3Error('InvalidBucketName')
  await assertLocation(exchange)
  await objects.createBucket(name, now)
  return { status: 200, headers: { location: `/${name}` } }
}

export const headBucket: Handler = async (exchange) => {
  bucketOf(exchange)
  return { status: 200, headers: { 'x-amz-bucket-region': exchange.region } }
}

export const listObjectsV2: Handler = async (exchange) => {
  const { request } = exchange
  const bucket = bucketOf(exchange)
  const prefix = queryValue(request, 'prefix') ?? ''
  const delimiter = queryValue(request, 'delimiter') || undefined
  const startAfter = queryValue(request, 'start-after')
  const token = queryValue(request, 'continuation-token')
  const limit = queryCount(request, 'max-keys', KEYS_PER_PAGE_MAX) ?? KEYS_PER_PAGE_MAX
  const after = token === undefined ? startAfter : readToken(token)
  const page = listPage(bucket, { prefix, delimiter, after, limit })
  const encode = nameEncoder(request)
  const isOwnerWanted = queryValue(request, 'fetch-owner') === 'true'
  return xmlReply('ListBucketResult', {
    Name: bucket.name,
    Prefix: encode(prefix),
    Delimiter: delimiter === undefined ? undefined : encode(delimiter),
    StartAfter: startAfter === undefined ? undefined : encode(startAfter),
    EncodingType: queryValue(request, 'encoding-type'),
    MaxKeys: limit,
    KeyCount: page.records.length + page.prefixes.length,
    IsTruncated: page.next !== undefined,
    ContinuationToken: token,
    NextContinuationToken: page.next === undefined ? undefined : writeToken(page.next),
    Contents: page.records.map((record) => ({
      ...describe(record),
      Key: encode(record.key),
      Owner: isOwnerWanted ? OWNER : undefined,
    })),
    CommonPrefixes: page.prefixes.map((common) => ({ Prefix: encode(common) })),
  })
}

const describe = (record: ObjectRecord) => ({
  Key: record.key,
  LastModified: new Date(record.lastModifiedMs).toISOString(),
  ETag: `"${record.etag}"`,
  ChecksumAlgorithm: record.checksum?.algorithm,
  ChecksumType: record.checksum?.type,
  Size: record.sizeBytes,
  StorageClass: 'STANDARD',
})

/** Names as the client wants them: `encoding-type=url`, or as they are. */
function nameEncoder(request: S3Request): (name: string) => string {
  const encoding = queryValue(request, 'encoding-type')
  if (encoding === undefined) return (name) => name
  if (encoding !== 'url') throw new S3Error('InvalidArgument', 'Invalid Encoding Method specified')
  return (name) => encodeURIComponent(name).replaceAll('%2F', '/')
}

const writeToken = (name: string): string => Buffer.from(name).toString('base64url')

function readToken(token: string): string {
  const name = Buffer.from(token, 'base64url').toString('utf8')
  if (token === '' || writeToken(name) !== token) {
    throw new S3Error('InvalidArgument', 'The continuation token provided is incorrect')
  }
  return name
}

/** DNS-compatible names only: they become folders, and parts of host names at AWS. */
const isBucketName = (name: string): boolean =>
  /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(name) && !name.includes('..')

const configurationSchema = z.union([
  z.literal(''),
  z.strictObject({ LocationConstraint: z.string().optional(), '#text': z.string().optional() }),
])

async function assertLocation({ request, authorization, region }: Exchange): Promise<void> {
  if (request.headers.get('content-length') === undefined) return
  const text = await readText(verifiedBody(request, authorization, XML_BYTES_MAX))
  if (text === '') return
  const parsed = configurationSchema.safeParse(parseXml(text, 'CreateBucketConfiguration'))
  if (!parsed.success)
    throw new S3Error('NotImplemented', 'Only a LocationConstraint is supported.')
  const location = parsed.data === '' ? undefined : parsed.data.LocationConstraint
  if (location !== undefined && location !== region) {
    throw new S3Error('IllegalLocationConstraintException')
  }
}
