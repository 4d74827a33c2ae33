import { createHash, createHmac, type Hash, type Hmac, randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { Readable } from 'node:stream'
import { crc32 } from 'node:zlib'
import {
  AbortMultipartUploadCommand,
  type ChecksumAlgorithm,
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListBucketsCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  ListPartsCommand,
  PutObjectCommand,
  type S3Client,
  type S3ClientConfig,
  UploadPartCommand,
} from '@aws-sdk/client-s3'
import { createPresignedPost } from '@aws-sdk/s3-presigned-post'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { SignatureV4 } from '@smithy/signature-v4'
import { type RunningS3, startS3 } from './server.ts'
import {
  clientFor,
  externalUrl,
  MEBIBYTE,
  md5,
  ORIGIN,
  presignAt,
  refusal,
  refusalOf,
  signing,
} from './testing.ts'

/**
 * What our own services rely on, said through the official SDK. It runs against the embedded server,
 * or against any other one that S3_CONFORMANCE_URL names.
 */
const PART_BYTES = 5 * MEBIBYTE
const DAY_MS = 86_400_000

const bucket = `conformance-${randomBytes(4).toString('hex')}`
let dataDir: string
let server: RunningS3 | undefined
let url: string
let s3: S3Client

const client = (more: S3ClientConfig = {}) => clientFor(url, more)

beforeAll(async () => {
  dataDir = await mkdtemp(path.join(tmpdir(), 's3-'))
  server =
    externalUrl === undefined
      ? await startS3({ ...signing, dataDir, port: 0, allowedOrigins: [ORIGIN] })
      : undefined
  url = externalUrl ?? server?.url ?? ''
  s3 = client()
  await s3.send(new CreateBucketCommand({ Bucket: bucket }))
})

afterAll(async () => {
  s3.destroy()
  await server?.close()
  await rm(dataDir, { recursive: true, force: true })
})

const put = (Key: string, Body: string | Buffer, more: object = {}) =>
  s3.send(new PutObjectCommand({ Bucket: bucket, Key, Body, ...more }))

const get = async (Key: string, more: object = {}) => {
  const answer = await s3.send(new GetObjectCommand({ Bucket: bucket, Key, ...more }))
  return { ...answer, bytes: Buffer.from((await answer.Body?.transformToByteArray()) ?? []) }
}

const head = (Key: string, more: object = {}) =>
  s3.send(new HeadObjectCommand({ Bucket: bucket, Key, ...more }))

const presign = (command: object, more: object = {}) => presignAt(url, command, more)

describe('buckets', () => {
  it('lists and finds a created bucket, and refuses to create it twice', async () => {
    const { Buckets } = await s3.send(new ListBucketsCommand({}))
    expect(Buckets?.map(({ Name }) => Name)).toContain(bucket)
    await s3.send(new HeadBucketCommand({ Bucket: bucket }))
    expect(await refusal(s3.send(new CreateBucketCommand({ Bucket: bucket })))).toMatch(/^409 /)
  })

  it('answers NoSuchBucket for a bucket that is missing', async () => {
    const missing = { Bucket: 'missing-bucket', Key: 'a' }
    expect(await refusal(s3.send(new GetObjectCommand(missing)))).toBe('404 NoSuchBucket')
    expect(await refusal(s3.send(new PutObjectCommand({ ...missing, Body: 'x' })))).toBe(
      '404 NoSuchBucket',
    )
    expect(await refusal(s3.send(new HeadBucketCommand(missing)))).toBe('404 NotFound')
  })

  it.each(['ab', 'UPPER-case', '-leading'])('refuses the bucket name %s', async (Bucket) => {
    expect(await refusal(s3.send(new CreateBucketCommand({ Bucket })))).toBe(
      '400 InvalidBucketName',
    )
  })
})

describe('objects', () => {
  it('gives binary bytes back as they were', async () => {
    const bytes = randomBytes(3 * MEBIBYTE + 7)
    const { ETag } = await put('binary', bytes)
    expect(ETag).toBe(`"${md5(bytes)}"`)
    const answer = await get('binary')
    expect(answer.bytes.equals(bytes)).toBe(true)
    expect(answer.ContentLength).toBe(bytes.length)
  })

  it('gives a streamed upload back as it was, with the checksum that the SDK trails', async () => {
    const bytes = randomBytes(2 * MEBIBYTE + 3)
    const pieces = Array.from({ length: 9 }, (_, at) =>
      bytes.subarray((at * bytes.length) / 9, ((at + 1) * bytes.length) / 9),
    )
    await s3.send(
      new PutObjectCommand({
        Bucket: bucket,
        Key: 'stream',
        Body: Readable.from(pieces),
        ContentLength: bytes.length,
      }),
    )
    expect((await get('stream')).bytes.equals(bytes)).toBe(true)
    const { ChecksumCRC32 } = await head('stream', { ChecksumMode: 'ENABLED' })
    const expected = crc32Base64(bytes)
    expect(ChecksumCRC32).toBe(expected)
  })

  it('stores an empty object', async () => {
    await put('empty', Buffer.alloc(0))
    expect((await get('empty')).bytes).toHaveLength(0)
    expect((await head('empty')).ContentLength).toBe(0)
  })

  it('keeps headers and user metadata, and leaves aws-chunked out of the encoding', async () => {
    const described = {
      ContentType: 'video/mp4',
      CacheControl: 'max-age=60',
      ContentDisposition: 'attachment; filename="a b.mp4"',
      ContentLanguage: 'en',
      Metadata: { course: 'crs_1', title: 'one  two' },
    }
    await put('described', 'x', described)
    expect(await head('described')).toMatchObject({ ...described, Metadata: { course: 'crs_1' } })
    expect((await head('described')).ContentEncoding ?? '').not.toContain('aws-chunked')
  })

  it.each([
    'plain',
    'sp ace & <tag> "quote" +plus',
    'ünïcode/日本/😀',
    'a/b/../c',
    'a//b',
    '%2e%2e/%',
    "q?u=e'(r)*y!~",
  ])('keeps an object under the name %s', async (name) => {
    const key = `names/${name}`
    const isOurs = externalUrl === undefined
    if (!isOurs && /\.\.\/|\/\//.test(key)) return // Servers on plain files refuse these.
    await put(key, name)
    expect((await get(key)).bytes.toString()).toBe(name)
    const { Contents } = await s3.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: key }))
    expect(Contents?.map(({ Key }) => Key)).toEqual([key])
  })

  it('replaces an object, and forgets a deleted one without complaint', async () => {
    await put('replaced', 'one')
    await put('replaced', 'two')
    expect((await get('replaced')).bytes.toString()).toBe('two')
    const remove = new DeleteObjectCommand({ Bucket: bucket, Key: 'replaced' })
    await s3.send(remove)
    await s3.send(remove)
    expect(await refusal(get('replaced'))).toBe('404 NoSuchKey')
    expect(await refusal(head('replaced'))).toBe('404 NotFound')
  })

  it('deletes many at once, saying which', async () => {
    const names = ['many/a & b', 'many/c']
    for (const name of names) await put(name, 'x')
    const { Deleted } = await s3.send(
      new DeleteObjectsCommand({
        Bucket: bucket,
        Delete: { Objects: [...names, 'many/none'].map((Key) => ({ Key })) },
      }),
    )
    expect(Deleted?.map(({ Key }) => Key).sort()).toEqual([...names, 'many/none'])
    expect(await refusal(head('many/c'))).toBe('404 NotFound')
  })

  it('copies with the metadata of the source or with new metadata', async () => {
    await put('copy/from ü', 'content', { ContentType: 'text/x-a', Metadata: { a: '1' } })
    const copy = (Key: string, more: object = {}) =>
      s3.send(
        new CopyObjectCommand({
          Bucket: bucket,
          Key,
          CopySource: `${bucket}/${encodeURIComponent('copy/from ü')}`,
          ...more,
        }),
      )
    const { CopyObjectResult } = await copy('copy/to')
    expect(CopyObjectResult?.ETag).toBe(`"${md5('content')}"`)
    expect(await head('copy/to')).toMatchObject({ ContentType: 'text/x-a', Metadata: { a: '1' } })
    await copy('copy/new', {
      MetadataDirective: 'REPLACE',
      ContentType: 'text/x-b',
      Metadata: { b: '2' },
    })
    expect(await head('copy/new')).toMatchObject({ ContentType: 'text/x-b', Metadata: { b: '2' } })
    await s3.send(new DeleteObjectCommand({ Bucket: bucket, Key: 'copy/from ü' }))
    expect((await get('copy/to')).bytes.toString()).toBe('content')
    expect(await refusal(copy('copy/again'))).toBe('404 NoSuchKey')
  })

  it('takes 20 uploads at once', async () => {
    const bodies = Array.from({ length: 20 }, () => randomBytes(256 * 1_024))
    await Promise.all(bodies.map((body, at) => put(`parallel/${at}`, body)))
    const read = await Promise.all(bodies.map((_, at) => get(`parallel/${at}`)))
    expect(read.every(({ bytes }, at) => bytes.equals(bodies[at] ?? Buffer.alloc(0)))).toBe(true)
  })
})

describe('ranges and conditions', () => {
  beforeAll(async () => {
    await put('ranged', '0123456789')
  })

  it.each([
    ['bytes=2-4', '234', 'bytes 2-4/10'],
    ['bytes=7-', '789', 'bytes 7-9/10'],
    ['bytes=-3', '789', 'bytes 7-9/10'],
    ['bytes=8-99', '89', 'bytes 8-9/10'],
  ])('answers %s with %s', async (Range, text, contentRange) => {
    const answer = await get('ranged', { Range })
    expect(answer.bytes.toString()).toBe(text)
    expect(answer.ContentRange).toBe(contentRange)
    expect(answer.$metadata.httpStatusCode).toBe(206)
  })

  it('refuses a range behind the end', async () => {
    expect(await refusal(get('ranged', { Range: 'bytes=10-' }))).toBe('416 InvalidRange')
  })

  it('answers conditions of a read', async () => {
    const { ETag, LastModified } = await head('ranged')
    const past = new Date((LastModified?.getTime() ?? 0) - DAY_MS)
    await get('ranged', { IfMatch: ETag })
    await get('ranged', { IfModifiedSince: past })
    expect(await refusal(get('ranged', { IfMatch: '"other"' }))).toBe('412 PreconditionFailed')
    expect(await refusal(get('ranged', { IfNoneMatch: ETag }))).toMatch(/^304 /)
    expect(await refusal(get('ranged', { IfUnmodifiedSince: past }))).toBe('412 PreconditionFailed')
  })

  it('creates only once under If-None-Match, however many try at once', async () => {
    const attempts = await Promise.allSettled(
      Array.from({ length: 8 }, (_, at) => put('only-once', `${at}`, { IfNoneMatch: '*' })),
    )
    expect(attempts.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    expect(await refusal(put('only-once', 'late', { IfNoneMatch: '*' }))).toBe(
      '412 PreconditionFailed',
    )
  })

  it('replaces under If-Match only what the client has seen', async () => {
    const { ETag } = await put('seen', 'one')
    await put('seen', 'two', { IfMatch: ETag })
    expect(await refusal(put('seen', 'three', { IfMatch: ETag }))).toBe('412 PreconditionFailed')
  })
})

describe('ListObjectsV2', () => {
  const names = [
    'list/a',
    'list/b/1',
    'list/b/2',
    'list/c',
    'list/d/1',
    'list/é',
    'list/\uffee',
    'list/😀',
  ]

  beforeAll(async () => {
    for (const name of names) await put(name, name)
  })

  const list = (more: object) =>
    s3.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: 'list/', ...more }))

  async function pages(more: object): Promise<string[][]> {
    const found: string[][] = []
    let token: string | undefined
    do {
      const page = await list({
        ...more,
        ...(token === undefined ? {} : { ContinuationToken: token }),
      })
      expect(page.IsTruncated).toBe(page.NextContinuationToken !== undefined)
      found.push([
        ...(page.Contents ?? []).map(({ Key }) => Key ?? ''),
        ...(page.CommonPrefixes ?? []).map(({ Prefix }) => Prefix ?? ''),
      ])
      token = page.NextContinuationToken
    } while (token !== undefined && found.length < 20)
    return found
  }

  it('lists in the order of UTF-8 bytes, page by page', async () => {
    expect(await pages({ MaxKeys: 3 })).toEqual([
      names.slice(0, 3),
      names.slice(3, 6),
      names.slice(6),
    ])
  })

  it('rolls up what lies behind the delimiter, each group once over all pages', async () => {
    const rolled = (await pages({ Delimiter: '/', MaxKeys: 1 })).flat()
    expect(rolled).toEqual([
      'list/a',
      'list/b/',
      'list/c',
      'list/d/',
      'list/é',
      'list/\uffee',
      'list/😀',
    ])
  })

  it('starts after a name', async () => {
    const { Contents, KeyCount } = await list({ StartAfter: 'list/b/2', MaxKeys: 2 })
    expect(Contents?.map(({ Key }) => Key)).toEqual(['list/c', 'list/d/1'])
    expect(KeyCount).toBe(2)
  })

  it('describes each object', async () => {
    const { Contents } = await list({ MaxKeys: 1 })
    expect(Contents?.[0]).toMatchObject({
      Size: 6,
      ETag: `"${md5('list/a')}"`,
      StorageClass: 'STANDARD',
    })
  })
})

describe('checksums', () => {
  it.each(['CRC32', 'CRC32C', 'CRC64NVME', 'SHA1', 'SHA256'] satisfies ChecksumAlgorithm[])(
    'verifies %s and gives it back on demand',
    async (ChecksumAlgorithm) => {
      const { [`Checksum${ChecksumAlgorithm}` as const]: sent } = await put('summed', 'content', {
        ChecksumAlgorithm,
      })
      const seen = await head('summed', { ChecksumMode: 'ENABLED' })
      expect(sent).toBeDefined()
      expect(seen[`Checksum${ChecksumAlgorithm}`]).toBe(sent)
      expect((await head('summed'))[`Checksum${ChecksumAlgorithm}`]).toBeUndefined()
      const wrong = { [`Checksum${ChecksumAlgorithm}`]: flipped(sent ?? '') }
      expect(await refusal(put('damaged', 'content', wrong))).toMatch(
        /^400 (BadDigest|XAmzContentChecksumMismatch)$/,
      )
      expect(await refusal(head('damaged'))).toBe('404 NotFound')
    },
  )

  it('refuses a wrong Content-MD5', async () => {
    const ContentMD5 = createHash('md5').update('other').digest('base64')
    expect(await refusal(put('damaged', 'content', { ContentMD5 }))).toBe('400 BadDigest')
    expect(await refusal(head('damaged'))).toBe('404 NotFound')
  })

  it('refuses a body that is not the one signed', async () => {
    const damaging = client()
    damaging.middlewareStack.add(
      (next) => async (args) =>
        next({ ...args, request: Object.assign(args.request as object, { body: 'CONTENT' }) }),
      { step: 'finalizeRequest', priority: 'low' },
    )
    const sent = damaging.send(
      new PutObjectCommand({ Bucket: bucket, Key: 'damaged', Body: 'content' }),
    )
    expect(await refusal(sent)).toMatch(/^400 (XAmzContentSHA256Mismatch|BadDigest)$/)
    expect(await refusal(head('damaged'))).toBe('404 NotFound')
  })
})

/** Another valid checksum of the same length. */
function flipped(base64: string): string {
  const bytes = Buffer.from(base64, 'base64')
  bytes[0] = (bytes[0] ?? 0) ^ 0xff
  return bytes.toString('base64')
}

describe('multipart uploads', () => {
  const create = async (Key: string, more: object = {}) => {
    const { UploadId } = await s3.send(
      new CreateMultipartUploadCommand({
        Bucket: bucket,
        Key,
        ChecksumAlgorithm: 'CRC32',
        ...more,
      }),
    )
    return { Bucket: bucket, Key, UploadId: UploadId ?? '' }
  }
  type Name = Awaited<ReturnType<typeof create>>

  const part = async (name: Name, PartNumber: number, Body: Buffer) => {
    const { ETag, ChecksumCRC32 } = await s3.send(
      new UploadPartCommand({ ...name, PartNumber, Body }),
    )
    return { PartNumber, ETag, ChecksumCRC32 }
  }

  const complete = (name: Name, Parts: object[], more: object = {}) =>
    s3.send(new CompleteMultipartUploadCommand({ ...name, MultipartUpload: { Parts }, ...more }))

  it('joins its parts, which may come in any order', async () => {
    const bodies = [randomBytes(PART_BYTES), randomBytes(PART_BYTES), randomBytes(11)]
    const name = await create('multi/joined', { ContentType: 'video/mp4', Metadata: { a: '1' } })
    const third = await part(name, 7, bodies[2] as Buffer)
    const first = await part(name, 1, bodies[0] as Buffer)
    const second = await part(name, 2, bodies[1] as Buffer)
    const { ETag } = await complete(name, [first, second, third])
    expect(ETag).toMatch(/^"[0-9a-f]{32}-3"$/)
    const answer = await get('multi/joined')
    expect(answer.bytes.equals(Buffer.concat(bodies))).toBe(true)
    expect(answer).toMatchObject({ ContentType: 'video/mp4', Metadata: { a: '1' }, ETag })
    const across = await get('multi/joined', { Range: `bytes=${PART_BYTES - 2}-${PART_BYTES + 1}` })
    expect(
      across.bytes.equals(Buffer.concat(bodies).subarray(PART_BYTES - 2, PART_BYTES + 2)),
    ).toBe(true)
    expect(await refusal(s3.send(new ListPartsCommand(name)))).toBe('404 NoSuchUpload')
  })

  it('gives the checksum of the whole where it was asked for', async () => {
    const bodies = [randomBytes(PART_BYTES), randomBytes(5)]
    const name = await create('multi/whole', { ChecksumType: 'FULL_OBJECT' })
    const parts = [
      await part(name, 1, bodies[0] as Buffer),
      await part(name, 2, bodies[1] as Buffer),
    ]
    await complete(name, parts)
    const expected = crc32Base64(Buffer.concat(bodies))
    const seen = await head('multi/whole', { ChecksumMode: 'ENABLED' })
    expect(seen).toMatchObject({
      ChecksumCRC32: expected,
      ChecksumType: 'FULL_OBJECT',
    })
  })

  it('resumes after a reload: presigned parts by plain fetch, the rest through ListParts', async () => {
    const { UploadId = '' } = await s3.send(
      new CreateMultipartUploadCommand({ Bucket: bucket, Key: 'multi/resumed' }),
    )
    const name = { Bucket: bucket, Key: 'multi/resumed', UploadId }
    const bodies = [randomBytes(PART_BYTES), randomBytes(PART_BYTES), randomBytes(1)]
    const send = async (at: number) => {
      const target = await presign(new UploadPartCommand({ ...name, PartNumber: at + 1 }))
      const answer = await fetch(target, {
        method: 'PUT',
        body: new Uint8Array(bodies[at] as Buffer),
      })
      expect(answer.status).toBe(200)
      expect(answer.headers.get('etag')).toBe(`"${md5(bodies[at] as Buffer)}"`)
    }
    await send(0)
    await send(2)
    const firstPage = await s3.send(new ListPartsCommand({ ...name, MaxParts: 1 }))
    expect(firstPage).toMatchObject({ IsTruncated: true, NextPartNumberMarker: '1' })
    const secondPage = await s3.send(
      new ListPartsCommand({ ...name, PartNumberMarker: firstPage.NextPartNumberMarker }),
    )
    const there = [...(firstPage.Parts ?? []), ...(secondPage.Parts ?? [])]
    expect(there.map(({ PartNumber, Size }) => [PartNumber, Size])).toEqual([
      [1, PART_BYTES],
      [3, 1],
    ])
    await send(1)
    const { Parts = [] } = await s3.send(new ListPartsCommand(name))
    await complete(
      name,
      Parts.map(({ PartNumber, ETag }) => ({ PartNumber, ETag })),
    )
    expect((await get('multi/resumed')).bytes.equals(Buffer.concat(bodies))).toBe(true)
  })

  it('lists unfinished uploads, and an aborted one no more', async () => {
    const names = [await create('multi/open/a'), await create('multi/open/b')]
    const list = async () => {
      const { Uploads } = await s3.send(
        new ListMultipartUploadsCommand({ Bucket: bucket, Prefix: 'multi/open/' }),
      )
      return Uploads?.map(({ Key, UploadId }) => [Key, UploadId]) ?? []
    }
    expect(await list()).toEqual(names.map(({ Key, UploadId }) => [Key, UploadId]))
    for (const name of names) await s3.send(new AbortMultipartUploadCommand(name))
    expect(await list()).toEqual([])
    const [aborted] = names
    expect(await refusal(part(aborted as Name, 1, Buffer.from('x')))).toBe('404 NoSuchUpload')
  })

  it('refuses missing, wrong, misordered and small parts, and then still completes', async () => {
    const name = await create('multi/refused')
    const first = await part(name, 1, randomBytes(PART_BYTES))
    const second = await part(name, 2, randomBytes(PART_BYTES))
    const small = await part(name, 3, Buffer.from('small'))
    const last = await part(name, 4, Buffer.from('last'))
    expect(await refusal(complete(name, [first, small, last]))).toBe('400 EntityTooSmall')
    expect(await refusal(complete(name, [second, first]))).toBe('400 InvalidPartOrder')
    expect(await refusal(complete(name, [first, { ...last, PartNumber: 5 }]))).toBe(
      '400 InvalidPart',
    )
    const wrong = { ...first, ETag: `"${md5('other')}"` }
    expect(await refusal(complete(name, [wrong]))).toBe('400 InvalidPart')
    expect(await refusal(complete({ ...name, UploadId: 'none' }, [last]))).toBe('404 NoSuchUpload')
    await complete(name, [last])
    expect((await get('multi/refused')).bytes.toString()).toBe('last')
  })
})

describe('presigned URLs', () => {
  const getCommand = new GetObjectCommand({ Bucket: bucket, Key: 'signed' })

  beforeAll(async () => {
    await put('signed', 'content')
  })

  it('gives the object, with the headers that the URL asks for', async () => {
    const target = await presign(
      new GetObjectCommand({
        Bucket: bucket,
        Key: 'signed',
        ResponseContentType: 'text/x-own',
        ResponseContentDisposition: 'attachment; filename="a.txt"',
        ResponseCacheControl: 'no-store',
      }),
    )
    const answer = await fetch(target)
    expect(await answer.text()).toBe('content')
    expect(answer.headers.get('content-type')).toBe('text/x-own')
    expect(answer.headers.get('content-disposition')).toBe('attachment; filename="a.txt"')
    expect(answer.headers.get('cache-control')).toBe('no-store')
  })

  it('takes an upload of the signed length and no other', async () => {
    const target = await presign(
      new PutObjectCommand({
        Bucket: bucket,
        Key: 'capped',
        ContentLength: 5,
        ContentType: 'text/x-own',
      }),
      { signableHeaders: new Set(['content-length', 'content-type']) },
    )
    const send = (body: string) =>
      fetch(target, { method: 'PUT', body, headers: { 'content-type': 'text/x-own' } })
    expect(await refusalOf(await send('123456'))).toBe('403 SignatureDoesNotMatch')
    expect(await refusal(head('capped'))).toBe('404 NotFound')
    expect((await send('12345')).status).toBe(200)
    expect(await head('capped')).toMatchObject({ ContentLength: 5, ContentType: 'text/x-own' })
  })

  it('refuses an expired URL', async () => {
    const signingDate = new Date(Date.now() - 120_000)
    const answer = await fetch(await presign(getCommand, { signingDate, expiresIn: 60 }))
    expect(await refusalOf(answer)).toBe('403 AccessDenied')
  })

  it('refuses a URL that is valid for more than a week', async () => {
    const target = new URL(await presign(getCommand))
    target.searchParams.set('X-Amz-Expires', String(7 * 86_400 + 1))
    expect(await refusalOf(await fetch(target))).toBe('400 AuthorizationQueryParametersError')
  })

  it.each([
    [
      'another key',
      (target: URL) => {
        target.pathname = target.pathname.replace('signed', 'capped')
      },
    ],
    [
      'another query',
      (target: URL) => {
        target.searchParams.set('response-content-type', 'text/html')
      },
    ],
    [
      'a longer life',
      (target: URL) => {
        target.searchParams.set('X-Amz-Expires', '3600')
      },
    ],
    [
      'another signature',
      (target: URL) => {
        target.searchParams.set('X-Amz-Signature', '0'.repeat(64))
      },
    ],
  ])('refuses %s', async (_, tamper) => {
    const target = new URL(await presign(getCommand))
    tamper(target)
    expect(await refusalOf(await fetch(target))).toBe('403 SignatureDoesNotMatch')
  })

  it('refuses another method', async () => {
    const answer = await fetch(await presign(getCommand), { method: 'PUT', body: 'x' })
    expect(await refusalOf(answer)).toBe('403 SignatureDoesNotMatch')
  })
})

describe('signatures', () => {
  const ask = (config: S3ClientConfig) => client(config).send(new ListBucketsCommand({}))

  it('refuses a wrong secret and no signature at all', async () => {
    const wrong = { ...signing, secretAccessKey: 'wrong' }
    expect(await refusal(ask({ credentials: wrong }))).toBe('403 SignatureDoesNotMatch')
    expect(await refusalOf(await fetch(`${url}/${bucket}/signed`))).toBe('403 AccessDenied')
  })

  it.each([-16, 16])('refuses a clock that is %d minutes off', async (minutes) => {
    const systemClockOffset = minutes * 60_000
    expect(await refusal(ask({ systemClockOffset }))).toBe('403 RequestTimeTooSkewed')
  })

  it('refuses a request for another region', async () => {
    expect(await refusal(ask({ region: 'eu-north-1' }))).toMatch(
      /^400 AuthorizationHeaderMalformed$/,
    )
  })

  it('refuses a header that was changed after signing', async () => {
    const tampering = client()
    tampering.middlewareStack.add(
      (next) => async (args) => {
        const request = args.request as { headers: Record<string, string> }
        request.headers['x-amz-meta-a'] = 'changed'
        return next(args)
      },
      { step: 'finalizeRequest', priority: 'low' },
    )
    const sent = tampering.send(
      new PutObjectCommand({ Bucket: bucket, Key: 'tampered', Body: 'x', Metadata: { a: '1' } }),
    )
    expect(await refusal(sent)).toBe('403 SignatureDoesNotMatch')
  })
})

describe('signed chunks', () => {
  const chunks = [randomBytes(64 * 1_024), randomBytes(1_000), Buffer.alloc(0)]
  const content = Buffer.concat(chunks)

  it.each([false, true])(
    'stores them if every signature holds (with a trailer: %s)',
    async (trailer) => {
      const answer = await sendSignedChunks({ key: 'chunked', chunks, trailer })
      expect(answer.status).toBe(200)
      expect((await get('chunked')).bytes.equals(content)).toBe(true)
    },
  )

  it('refuses a chunk that was changed, or cut off at the end', async () => {
    const tamper = (body: Buffer) => {
      body[200] = (body[200] ?? 0) ^ 1
      return body
    }
    const changed = await sendSignedChunks({ key: 'chunked-bad', chunks, trailer: false, tamper })
    expect(await refusalOf(changed)).toBe('403 SignatureDoesNotMatch')
    const cut = (body: Buffer) => body.subarray(0, body.length - 1_100)
    const short = await sendSignedChunks({
      key: 'chunked-bad',
      chunks,
      trailer: false,
      tamper: cut,
    })
    expect(short.status).toBeGreaterThanOrEqual(400)
    expect(await refusal(head('chunked-bad'))).toBe('404 NotFound')
  })
})

type SignedChunks = {
  readonly key: string
  readonly chunks: readonly Buffer[]
  readonly trailer: boolean
  readonly tamper?: (body: Buffer) => Buffer
}

/** Plays a client of Java or Python, which signs each chunk; the JavaScript SDK does not. */
async function sendSignedChunks({ key, chunks, trailer, tamper }: SignedChunks): Promise<Response> {
  const target = new URL(`${url}/${bucket}/${key}`)
  const { region } = signing
  const signer = new SignatureV4({
    service: 's3',
    region,
    credentials: signing,
    sha256: Sha256,
    uriEscapePath: false,
  })
  const content = Buffer.concat(chunks)
  const { headers } = await signer.sign({
    method: 'PUT',
    protocol: target.protocol,
    hostname: target.hostname,
    port: Number(target.port),
    path: target.pathname,
    headers: {
      host: target.host,
      'x-amz-content-sha256': `STREAMING-AWS4-HMAC-SHA256-PAYLOAD${trailer ? '-TRAILER' : ''}`,
      'x-amz-decoded-content-length': String(content.length),
      ...(trailer ? { 'x-amz-trailer': 'x-amz-checksum-crc32' } : {}),
    },
  })
  const date = headers['x-amz-date'] ?? ''
  const scope = `${date.slice(0, 8)}/${region}/s3/aws4_request`
  const key4 = scope
    .split('/')
    .reduce<Buffer>(
      (secret, part) => hmac(secret, part),
      Buffer.from(`AWS4${signing.secretAccessKey}`),
    )
  let previous = /Signature=(.*)$/.exec(headers.authorization ?? '')?.[1] ?? ''
  const sign = (kind: string, ...hashes: readonly string[]): string => {
    const text = [`AWS4-HMAC-SHA256-${kind}`, date, scope, previous, ...hashes].join('\n')
    previous = hmac(key4, text).toString('hex')
    return previous
  }
  const pieces = chunks.flatMap((chunk) => {
    const signature = sign('PAYLOAD', sha256(''), sha256(chunk))
    const head = `${chunk.length.toString(16)};chunk-signature=${signature}\r\n`
    return [Buffer.from(head), chunk, Buffer.from(chunk.length > 0 || !trailer ? '\r\n' : '')]
  })
  if (trailer) {
    const line = `x-amz-checksum-crc32:${crc32Base64(content)}`
    const signature = sign('TRAILER', sha256(`${line}\n`))
    pieces.push(Buffer.from(`${line}\r\nx-amz-trailer-signature:${signature}\r\n\r\n`))
  }
  const body = tamper === undefined ? Buffer.concat(pieces) : tamper(Buffer.concat(pieces))
  const { host: _, ...sent } = headers
  return fetch(target, { method: 'PUT', headers: sent, body: new Uint8Array(body) })
}

class Sha256 {
  readonly #hash: Hash | Hmac

  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    this.#hash =
      secret === undefined
        ? createHash('sha256')
        : createHmac('sha256', secret as NodeJS.ArrayBufferView)
  }

  update(data: Uint8Array): void {
    this.#hash.update(data)
  }

  async digest(): Promise<Uint8Array> {
    return this.#hash.digest()
  }

  reset(): void {
    throw new Error('each request is signed with a new one')
  }
}

const sha256 = (data: string | Buffer) => createHash('sha256').update(data).digest('hex')

const hmac = (key: Buffer, text: string) => createHmac('sha256', key).update(text).digest()

function crc32Base64(bytes: Buffer): string {
  const value = Buffer.alloc(4)
  value.writeUInt32BE(crc32(bytes))
  return value.toString('base64')
}

describe('POST policy uploads', () => {
  const policy = (more: object = {}) =>
    createPresignedPost(s3, {
      Bucket: bucket,
      Key: 'posted/full-key',
      Conditions: [
        ['content-length-range', 3, 10],
        ['starts-with', '$Content-Type', 'image/'],
        ['eq', '$x-amz-meta-owner', 'usr_1'],
      ],
      Expires: 60,
      ...more,
    })

  async function post(content: string, change: Record<string, string> = {}, more: object = {}) {
    const { url: target, fields } = await policy(more)
    const form = new FormData()
    const all = { ...fields, 'Content-Type': 'image/png', 'x-amz-meta-owner': 'usr_1', ...change }
    for (const [name, value] of Object.entries(all)) form.append(name, value)
    form.append('file', new Blob([content]), 'a.png')
    return fetch(target, { method: 'POST', body: form })
  }

  it('stores what the policy allows', async () => {
    const answer = await post('12345')
    expect([200, 204]).toContain(answer.status)
    const object = await get('posted/full-key')
    expect(object.bytes.toString()).toBe('12345')
    expect(object).toMatchObject({ ContentType: 'image/png', Metadata: { owner: 'usr_1' } })
  })

  it('refuses a file that is too small or too large', async () => {
    expect(await refusalOf(await post('12'))).toBe('400 EntityTooSmall')
    expect(await refusalOf(await post('12345678901'))).toBe('400 EntityTooLarge')
  })

  it.each([
    ['another prefix', { 'Content-Type': 'text/html' }],
    ['another value', { 'x-amz-meta-owner': 'usr_2' }],
    ['another key', { key: 'posted/other' }],
    ['a field that the policy does not name', { 'x-amz-meta-extra': '1' }],
  ])('refuses %s', async (_, change) => {
    expect(await refusalOf(await post('12345', change))).toBe('403 AccessDenied')
  })

  it('refuses a signature that is not of this policy', async () => {
    const change = { 'X-Amz-Signature': '0'.repeat(64) }
    expect(await refusalOf(await post('12345', change))).toBe('403 SignatureDoesNotMatch')
  })

  it('refuses an expired policy', async () => {
    expect(await refusalOf(await post('12345', {}, { Expires: -60 }))).toBe('403 AccessDenied')
  })
})
