import { createHash, randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListPartsCommand,
  PutObjectCommand,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { type RunningS3, startS3 } from './server.ts'
import {
  clientFor,
  externalUrl,
  ORIGIN,
  presignAt,
  refusal,
  refusalOf,
  signing,
} from './testing.ts'

/**
 * What an upload through signed addresses is refused for, with S3's own status and code: the same table for the
 * embedded server and for any other one that S3_CONFORMANCE_URL names.
 */
const BODY = 'twelve bytes'
const PART = { PartNumber: 1, ContentLength: BODY.length }
const SIGNED_LENGTH = { signableHeaders: new Set(['content-length', 'host']) }

const bucket = `refusals-${randomBytes(4).toString('hex')}`
let dataDir: string
let server: RunningS3 | undefined
let url: string
let s3: S3Client

beforeAll(async () => {
  dataDir = await mkdtemp(path.join(tmpdir(), 's3-'))
  if (externalUrl === undefined)
    server = await startS3({ ...signing, dataDir, port: 0, allowedOrigins: [ORIGIN] })
  url = externalUrl ?? server?.url ?? ''
  s3 = clientFor(url)
  await s3.send(new CreateBucketCommand({ Bucket: bucket }))
})
afterAll(async () => {
  s3.destroy()
  await server?.close()
  await rm(dataDir, { recursive: true, force: true })
})

type Upload = { readonly Bucket: string; readonly Key: string; readonly UploadId: string }

const begin = async (ChecksumAlgorithm?: 'SHA256'): Promise<Upload> => {
  const place = { Bucket: bucket, Key: `media/${randomBytes(8).toString('hex')}` }
  const { UploadId = '' } = await s3.send(
    new CreateMultipartUploadCommand({ ...place, ...(ChecksumAlgorithm && { ChecksumAlgorithm }) }),
  )
  return { ...place, UploadId }
}

const partUrl = async (upload: Upload, options: object = {}) =>
  new URL(
    await presignAt(url, new UploadPartCommand({ ...upload, ...PART }), {
      ...SIGNED_LENGTH,
      ...options,
    }),
  )

const send = (target: URL, body = BODY, headers: Record<string, string> = {}) =>
  fetch(target, { method: 'PUT', body, headers })

const complete = async (upload: Upload, ETag: string, PartNumber = 1) => {
  const MultipartUpload = { Parts: [{ PartNumber, ETag }] }
  await s3.send(new CompleteMultipartUploadCommand({ ...upload, MultipartUpload }))
}

/** A part that is there: its ETag. */
const sendWell = async (upload: Upload): Promise<string> => {
  const answer = await send(await partUrl(upload))
  expect(answer.status).toBe(200)
  return answer.headers.get('etag') ?? ''
}

/** The address of a part, changed after it was signed. */
const sendTo = async (upload: Upload, change: (target: URL) => void) => {
  const target = await partUrl(upload)
  change(target)
  return refusalOf(await send(target))
}

const other = (algorithm: 'md5' | 'sha256') =>
  createHash(algorithm).update('other').digest('base64')

type Attempt = (upload: Upload) => Promise<string>

const PARTS: readonly [what: string, answer: string, attempt: Attempt][] = [
  [
    'an address whose time is over',
    '403 AccessDenied',
    async (upload) => {
      const signingDate = new Date(Date.now() - 120_000)
      return refusalOf(await send(await partUrl(upload, { signingDate, expiresIn: 60 })))
    },
  ],
  [
    'another signature',
    '403 SignatureDoesNotMatch',
    (upload) => sendTo(upload, (to) => to.searchParams.set('X-Amz-Signature', '0'.repeat(64))),
  ],
  [
    'another key',
    '403 SignatureDoesNotMatch',
    (upload) =>
      sendTo(upload, (to) => {
        to.pathname += 'x'
      }),
  ],
  [
    'a path that climbs',
    '403 SignatureDoesNotMatch',
    (upload) =>
      sendTo(upload, (to) => {
        to.pathname = `/${bucket}/other%2F..%2F${upload.Key}`
      }),
  ],
  [
    'another part',
    '403 SignatureDoesNotMatch',
    (upload) => sendTo(upload, (to) => to.searchParams.set('partNumber', '2')),
  ],
  [
    'another upload',
    '403 SignatureDoesNotMatch',
    (upload) => sendTo(upload, (to) => to.searchParams.set('uploadId', 'another')),
  ],
  [
    'a longer life',
    '403 SignatureDoesNotMatch',
    (upload) => sendTo(upload, (to) => to.searchParams.set('X-Amz-Expires', '604800')),
  ],
  [
    'no signature',
    '403 AccessDenied',
    (upload) =>
      sendTo(upload, (to) => {
        to.search = `?partNumber=1&uploadId=${upload.UploadId}`
      }),
  ],
  [
    'a longer body',
    '403 SignatureDoesNotMatch',
    async (upload) => refusalOf(await send(await partUrl(upload), `${BODY}!`)),
  ],
  [
    'a shorter body',
    '403 SignatureDoesNotMatch',
    async (upload) => refusalOf(await send(await partUrl(upload), BODY.slice(1))),
  ],
  [
    'a body of another MD5',
    '400 BadDigest',
    async (upload) =>
      refusalOf(await send(await partUrl(upload), BODY, { 'content-md5': other('md5') })),
  ],
  [
    'an MD5 that is none',
    '400 InvalidDigest',
    async (upload) => refusalOf(await send(await partUrl(upload), BODY, { 'content-md5': 'none' })),
  ],
  [
    'a part number above 10,000',
    '400 InvalidArgument',
    (upload) =>
      refusal(s3.send(new UploadPartCommand({ ...upload, PartNumber: 10_001, Body: '' }))),
  ],
]

describe('a part', () => {
  it.each(PARTS)('is refused for %s with %s, and is not there', async (_, answer, attempt) => {
    const upload = await begin()
    expect(await attempt(upload)).toBe(answer)
    expect((await s3.send(new ListPartsCommand(upload))).Parts ?? []).toEqual([])
  })
})

const ENDS: readonly [what: string, answer: string, object: string, attempt: Attempt][] = [
  [
    'a part after completion',
    '404 NoSuchUpload',
    BODY,
    async (upload) => {
      await complete(upload, await sendWell(upload))
      return refusalOf(await send(await partUrl(upload)))
    },
  ],
  [
    'a part after the abort',
    '404 NoSuchUpload',
    'NoSuchKey',
    async (upload) => {
      await s3.send(new AbortMultipartUploadCommand(upload))
      return refusalOf(await send(await partUrl(upload)))
    },
  ],
  [
    'completion after the abort',
    '404 NoSuchUpload',
    'NoSuchKey',
    async (upload) => {
      const etag = await sendWell(upload)
      await s3.send(new AbortMultipartUploadCommand(upload))
      return refusal(complete(upload, etag))
    },
  ],
  [
    'completion with a part that never came',
    '400 InvalidPart',
    'NoSuchKey',
    async (upload) => refusal(complete(upload, await sendWell(upload), 2)),
  ],
  [
    'completion with another ETag',
    '400 InvalidPart',
    'NoSuchKey',
    async (upload) => {
      await sendWell(upload)
      return refusal(complete(upload, `"${'0'.repeat(32)}"`))
    },
  ],
  [
    'completion of nothing',
    '400 MalformedXML',
    'NoSuchKey',
    (upload) =>
      refusal(
        s3.send(new CompleteMultipartUploadCommand({ ...upload, MultipartUpload: { Parts: [] } })),
      ),
  ],
]

describe('an upload', () => {
  it.each(ENDS)(
    'refuses %s with %s, and what was joined is all there is: %s',
    async (_, answer, object, attempt) => {
      const upload = await begin()
      expect(await attempt(upload)).toBe(answer)
      const seen = s3.send(new GetObjectCommand({ Bucket: bucket, Key: upload.Key })).then(
        async ({ Body }) => Body?.transformToString(),
        ({ name }: Error) => name,
      )
      expect(await seen).toBe(object)
    },
  )
})

describe('a checksum', () => {
  const wrong = { ContentLength: BODY.length, Body: BODY, ChecksumSHA256: other('sha256') }
  const PLACE = { Bucket: bucket, Key: 'once' }

  it('keeps a part away that is not the one it is of', async () => {
    const upload = await begin('SHA256')
    const sent = s3.send(new UploadPartCommand({ ...upload, ...wrong, PartNumber: 1 }))
    expect(await refusal(sent)).toBe('400 BadDigest')
    expect((await s3.send(new ListPartsCommand(upload))).Parts ?? []).toEqual([])
  })

  it('keeps an object from being replaced by one that it is not of', async () => {
    await s3.send(new PutObjectCommand({ ...PLACE, Body: 'the first' }))
    const sent = s3.send(new PutObjectCommand({ ...PLACE, ...wrong }))
    expect(await refusal(sent)).toBe('400 BadDigest')
    expect(await s3.send(new HeadObjectCommand(PLACE))).toMatchObject({
      ContentLength: 'the first'.length,
    })
  })
})
