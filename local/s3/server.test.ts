import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, open, readdir, rm, writeFile } from 'node:fs/promises'
import { request as httpRequest } from 'node:http'
import { createConnection } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  GetObjectTaggingCommand,
  HeadObjectCommand,
  ListBucketsCommand,
  ListPartsCommand,
  PutObjectCommand,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3'
import { createPresignedPost } from '@aws-sdk/s3-presigned-post'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { eventually } from '../../tests/support/eventually.ts'
import { toS3Error } from './errors.ts'
import { type RunningS3, startS3 } from './server.ts'
import {
  clientFor,
  MEBIBYTE,
  md5,
  ORIGIN,
  presignAt,
  refusal,
  refusalOf,
  signing,
} from './testing.ts'

// What is true of our server alone: its folder, its restarts, its origins, its limits.

const bucket = 'embedded'
let dataDir: string
let server: RunningS3
let url: string
let s3: S3Client

const start = (folder: string, port = 0) =>
  startS3({ ...signing, dataDir: folder, port, allowedOrigins: [ORIGIN] })

beforeAll(async () => {
  dataDir = await mkdtemp(path.join(tmpdir(), 's3-'))
  server = await start(dataDir)
  url = server.url
  s3 = clientFor(url)
  await s3.send(new CreateBucketCommand({ Bucket: bucket }))
})

afterAll(async () => {
  s3.destroy()
  await server.close()
  await rm(dataDir, { recursive: true, force: true })
})

const put = (Key: string, Body: string | Buffer, more: object = {}) =>
  s3.send(new PutObjectCommand({ Bucket: bucket, Key, Body, ...more }))

const get = async (Key: string, more: object = {}) => {
  const answer = await s3.send(new GetObjectCommand({ Bucket: bucket, Key, ...more }))
  return { ...answer, bytes: Buffer.from((await answer.Body?.transformToByteArray()) ?? []) }
}

const head = (Key: string) => s3.send(new HeadObjectCommand({ Bucket: bucket, Key }))

const presign = (command: object) => presignAt(url, command)

const expectUnfinished = async (count: number) =>
  expect(await readdir(path.join(dataDir, 'tmp'))).toHaveLength(count)

describe('the embedded server', () => {
  it('answers 501 to what it does not do, and never ignores it', async () => {
    await put('plain', 'x')
    const tagging = s3.send(new GetObjectTaggingCommand({ Bucket: bucket, Key: 'plain' }))
    expect(await refusal(tagging)).toBe('501 NotImplemented')
    expect(await refusal(put('plain', 'y', { Tagging: 'a=b' }))).toBe('501 NotImplemented')
    expect(await refusal(put('plain', 'y', { ServerSideEncryption: 'aws:kms' }))).toBe(
      '501 NotImplemented',
    )
    expect(await refusal(get('plain', { VersionId: '1' }))).toBe('501 NotImplemented')
    expect(await refusal(get('plain', { PartNumber: 1 }))).toBe('501 NotImplemented')
    expect((await get('plain')).bytes.toString()).toBe('x')
  })

  it('names each request and each refusal', async () => {
    const answer = await fetch(`${url}/${bucket}/plain`)
    const body = await answer.text()
    const id = answer.headers.get('x-amz-request-id') ?? ''
    expect(id).toMatch(/^[0-9A-F]{16}$/)
    expect(answer.headers.get('content-type')).toBe('application/xml')
    expect(body).toContain(`<RequestId>${id}</RequestId>`)
    expect(body).toContain(`<Resource>/${bucket}/plain</Resource>`)
  })

  it('tells allowed origins, and only them, what a browser must know', async () => {
    const ask = (from: string, method = 'PUT') =>
      fetch(`${url}/${bucket}/plain`, {
        method: 'OPTIONS',
        headers: {
          origin: from,
          'access-control-request-method': method,
          'access-control-request-headers': 'content-type,x-amz-meta-a',
        },
      })
    const allowed = await ask(ORIGIN)
    expect(allowed.status).toBe(200)
    expect(allowed.headers.get('access-control-allow-origin')).toBe(ORIGIN)
    expect(allowed.headers.get('access-control-allow-methods')).toContain('PUT')
    expect(allowed.headers.get('access-control-allow-headers')).toBe('content-type,x-amz-meta-a')
    expect(await refusalOf(await ask('http://evil.example'))).toBe('403 AccessForbidden')
    expect(await refusalOf(await ask(ORIGIN, 'PATCH'))).toBe('403 AccessForbidden')
    const target = await presign(new GetObjectCommand({ Bucket: bucket, Key: 'plain' }))
    const read = await fetch(target, { headers: { origin: ORIGIN } })
    expect(read.headers.get('access-control-expose-headers')).toContain('ETag')
    const foreign = await fetch(target, { headers: { origin: 'http://evil.example' } })
    expect(foreign.headers.get('access-control-allow-origin')).toBeNull()
  })

  it('refuses an x-amz- header that a presigned URL does not sign', async () => {
    const target = await presign(new PutObjectCommand({ Bucket: bucket, Key: 'added' }))
    const answer = await fetch(target, {
      method: 'PUT',
      body: 'x',
      headers: { 'x-amz-meta-a': '1' },
    })
    expect(await refusalOf(answer)).toBe('403 AccessDenied')
  })

  it('never leaves its folder, whatever a key or a bucket is called', async () => {
    await put('../../../../escaped', 'x')
    expect((await get('../../../../escaped')).bytes.toString()).toBe('x')
    const everywhere = await readdir(tmpdir())
    expect(everywhere).not.toContain('escaped')
    expect(
      await refusal(
        s3.send(new ListPartsCommand({ Bucket: bucket, Key: 'a', UploadId: '../../buckets' })),
      ),
    ).toBe('404 NoSuchUpload')
  })

  it('keeps nothing of an upload that was cut', async () => {
    const before = await blobCount(dataDir)
    const target = new URL(await presign(new PutObjectCommand({ Bucket: bucket, Key: 'cut' })))
    const socket = createConnection(Number(target.port), target.hostname)
    socket.write(
      `PUT ${target.pathname}${target.search} HTTP/1.1\r\nhost: ${target.host}\r\ncontent-length: 1000\r\n\r\nhalf`,
    )
    await eventually(() => expectUnfinished(1))
    socket.destroy()
    await eventually(() => expectUnfinished(0))
    expect(await blobCount(dataDir)).toBe(before)
    expect(await refusal(head('cut'))).toBe('404 NotFound')
  })

  it('keeps nothing of a form without its end', async () => {
    const before = await blobCount(dataDir)
    const { url: target, fields } = await createPresignedPost(s3, { Bucket: bucket, Key: 'form' })
    const parts = Object.entries(fields).map(
      ([name, value]) =>
        `--b\r\ncontent-disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`,
    )
    const file = '--b\r\ncontent-disposition: form-data; name="file"; filename="a"\r\n\r\nhalf'
    const post = (end: string) =>
      fetch(target, {
        method: 'POST',
        headers: { 'content-type': 'multipart/form-data; boundary=b' },
        body: parts.join('') + file + end,
      })
    expect(await refusalOf(await post(''))).toBe('400 MalformedPOSTRequest')
    expect(await refusal(head('form'))).toBe('404 NotFound')
    expect(await blobCount(dataDir)).toBe(before)
    await expectUnfinished(0)
    expect((await post('\r\n--b--\r\n')).status).toBe(204)
  })

  it('lets a client read why a large upload is refused', async () => {
    const answer = await fetch(`${url}/${bucket}/unsigned`, {
      method: 'PUT',
      body: new Uint8Array(8 * MEBIBYTE),
    })
    expect(await refusalOf(answer)).toBe('403 AccessDenied')
  })

  it('refuses before a client that waits for 100-continue has sent its body', async () => {
    const refused = await new Promise<{ status: number | undefined; continued: boolean }>(
      (resolve, reject) => {
        let continued = false
        const request = httpRequest(`${url}/${bucket}/unsigned`, {
          method: 'PUT',
          headers: { expect: '100-continue', 'content-length': 10 },
        })
        request.on('continue', () => {
          continued = true
        })
        request.on('response', (response) => {
          resolve({ status: response.statusCode, continued })
          request.destroy()
        })
        request.on('error', reject)
        request.flushHeaders()
      },
    )
    expect(refused).toEqual({ status: 403, continued: false })
  })

  it('answers a clean 500 while its folder cannot be written, and reads on', async () => {
    await inOwnServer(async ({ folder, own, failures }) => {
      await own.send(new PutObjectCommand({ Bucket: 'own', Key: 'a', Body: 'x' }))
      await rm(path.join(folder, 'tmp'), { recursive: true })
      await writeFile(path.join(folder, 'tmp'), 'in the way')
      const failed = own.send(new PutObjectCommand({ Bucket: 'own', Key: 'b', Body: 'y' }))
      expect(await refusal(failed)).toBe('500 InternalError')
      expect(failures).toMatchObject([{ code: 'ENOTDIR' }])
      const { Body } = await own.send(new GetObjectCommand({ Bucket: 'own', Key: 'a' }))
      expect(await Body?.transformToString()).toBe('x')
    })
  })

  it('keeps objects, buckets and unfinished uploads over a restart, and sweeps what nobody names', async () => {
    await inOwnServer(async ({ folder, own, ownUrl, restart }) => {
      const Bucket = 'own'
      await own.send(new PutObjectCommand({ Bucket, Key: 'kept', Body: 'x', Metadata: { a: '1' } }))
      const { UploadId } = await own.send(new CreateMultipartUploadCommand({ Bucket, Key: 'open' }))
      const plain = clientFor(ownUrl, { requestChecksumCalculation: 'WHEN_REQUIRED' })
      const { ETag } = await plain.send(
        new UploadPartCommand({ Bucket, Key: 'open', UploadId, PartNumber: 1, Body: 'part' }),
      )
      await writeFile(path.join(folder, 'tmp', 'cut'), 'half')
      await writeFile(path.join(folder, 'blobs', 'orphan'), 'nobody')

      const again = await restart()
      expect(await readdir(path.join(folder, 'tmp'))).toEqual([])
      expect(await blobCount(folder)).toBe(2)
      const kept = await again.send(new GetObjectCommand({ Bucket, Key: 'kept' }))
      expect(await kept.Body?.transformToString()).toBe('x')
      expect(kept.Metadata).toEqual({ a: '1' })
      const completion = new CompleteMultipartUploadCommand({
        Bucket,
        Key: 'open',
        UploadId,
        MultipartUpload: { Parts: [{ PartNumber: 1, ETag }] },
      })
      const first = await again.send(completion)
      const repeated = await again.send(completion)
      expect(repeated.ETag).toBe(first.ETag)
      const joined = await again.send(new GetObjectCommand({ Bucket, Key: 'open' }))
      expect(await joined.Body?.transformToString()).toBe('part')
    })
  })

  it('frees the disk: no blob stays behind a replaced, deleted or aborted one', async () => {
    await inOwnServer(async ({ folder, own }) => {
      const Bucket = 'own'
      for (const Body of ['one', 'two'])
        await own.send(new PutObjectCommand({ Bucket, Key: 'a', Body }))
      await own.send(new PutObjectCommand({ Bucket, Key: 'b', Body: 'x' }))
      await own.send(new DeleteObjectCommand({ Bucket, Key: 'b' }))
      const name = { Bucket, Key: 'c' }
      const { UploadId } = await own.send(
        new CreateMultipartUploadCommand({ ...name, ChecksumAlgorithm: 'CRC32' }),
      )
      await own.send(new UploadPartCommand({ ...name, UploadId, PartNumber: 1, Body: 'x' }))
      await own.send(new AbortMultipartUploadCommand({ ...name, UploadId }))
      expect(await blobCount(folder)).toBe(1)
    })
  })

  it('has every acknowledged object after kill -9 in the midst of uploads', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 's3-'))
    const child = await spawnServer(folder)
    const writer = clientFor(child.url)
    const Bucket = 'killed'
    await writer.send(new CreateBucketCommand({ Bucket }))
    const acknowledged = new Map<string, string>()
    const write = async (name: number): Promise<void> => {
      const Body = randomBytes(64 * 1_024)
      const Key = `${name}/${acknowledged.size}`
      await writer.send(new PutObjectCommand({ Bucket, Key, Body }))
      acknowledged.set(Key, md5(Body))
      await write(name)
    }
    const writers = Promise.allSettled([0, 1, 2, 3].map(write))
    await eventually(() => expect(acknowledged.size).toBeGreaterThan(20))
    await child.kill()
    await writers

    const again = await startS3({ ...signing, dataDir: folder, port: 0, allowedOrigins: [] })
    const reader = clientFor(again.url)
    for (const [Key, hash] of acknowledged) {
      const { Body } = await reader.send(new GetObjectCommand({ Bucket, Key }))
      expect(md5(Buffer.from((await Body?.transformToByteArray()) ?? []))).toBe(hash)
    }
    expect(await readdir(path.join(folder, 'tmp'))).toEqual([])
    await again.close()
    await rm(folder, { recursive: true })
  })

  it('answers a full disk with 503', async () => {
    const device = await open('/dev/full', 'w').catch(() => undefined)
    if (device === undefined) return // Only Linux has a disk that is always full.
    const failure = await device.writeFile('x').catch((error: unknown) => error)
    await device.close()
    expect(toS3Error(failure)).toMatchObject({ status: 503, code: 'ServiceUnavailable' })
  })

  it('refuses an unknown key', async () => {
    const stranger = clientFor(url, { credentials: { ...signing, accessKeyId: 'nobody' } })
    expect(await refusal(stranger.send(new ListBucketsCommand({})))).toBe('403 InvalidAccessKeyId')
  })

  it('answers 304 to a date of the same second', async () => {
    await put('dated', 'x')
    const { LastModified } = await head('dated')
    expect(await refusal(get('dated', { IfModifiedSince: LastModified }))).toMatch(/^304 /)
  })

  it('goes on reading an object that is replaced meanwhile', async () => {
    const bytes = randomBytes(8 * MEBIBYTE)
    await put('read', bytes)
    const { Body } = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: 'read' }))
    const before = await blobCount(dataDir)
    await put('read', 'new')
    expect(Buffer.from((await Body?.transformToByteArray()) ?? []).equals(bytes)).toBe(true)
    await eventually(async () => expect(await blobCount(dataDir)).toBe(before))
  })

  it('refuses a response header that no header can say', async () => {
    await put('named', 'x')
    const command = { Bucket: bucket, Key: 'named' }
    for (const ResponseContentDisposition of [
      'a\r\nset-cookie: b',
      'attachment; filename="日本"',
    ]) {
      const target = await presign(new GetObjectCommand({ ...command, ResponseContentDisposition }))
      expect(await refusalOf(await fetch(target))).toBe('400 InvalidArgument')
    }
  })

  it('wants the checksum that an upload was created with on each part', async () => {
    const name = { Bucket: bucket, Key: 'mixed' }
    const { UploadId } = await s3.send(new CreateMultipartUploadCommand(name))
    const mixed = s3.send(new UploadPartCommand({ ...name, UploadId, PartNumber: 1, Body: 'x' }))
    expect(await refusal(mixed)).toBe('400 InvalidRequest')
  })

  it('says in one sentence why it cannot start', async () => {
    const file = path.join(dataDir, 'a-file')
    await writeFile(file, 'no folder')
    await expect(start(file)).rejects.toThrow(/^The S3 data folder .* cannot be written \(\w+\)\.$/)
    const port = Number(new URL(url).port)
    const other = await mkdtemp(path.join(tmpdir(), 's3-'))
    await expect(start(other, port)).rejects.toThrow(
      `S3 cannot listen on port ${port}: it is in use.`,
    )
    await rm(other, { recursive: true })
  })
})

const blobCount = async (folder: string) => (await readdir(path.join(folder, 'blobs'))).length

type OwnServer = {
  readonly folder: string
  readonly own: S3Client
  readonly ownUrl: string
  /** What the server has reported as failures of its own. */
  readonly failures: readonly unknown[]
  /** Opens the same folder again. */
  readonly restart: () => Promise<S3Client>
}

/** A server with a folder of its own and the bucket `own`. */
async function inOwnServer(use: (server: OwnServer) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(path.join(tmpdir(), 's3-'))
  const options = { ...signing, dataDir: folder, port: 0, allowedOrigins: [] }
  const failures: unknown[] = []
  let running = await startS3({ ...options, onFailure: ({ cause }) => failures.push(cause) })
  const own = clientFor(running.url)
  try {
    await own.send(new CreateBucketCommand({ Bucket: 'own' }))
    const restart = async () => {
      await running.close()
      running = await startS3(options)
      return clientFor(running.url)
    }
    await use({ folder, own, ownUrl: running.url, failures, restart })
  } finally {
    await running.close()
    await rm(folder, { recursive: true })
  }
}

/** A server in a process of its own, to be killed. */
async function spawnServer(folder: string): Promise<{ url: string; kill: () => Promise<void> }> {
  const options = { ...signing, dataDir: folder, port: 0, allowedOrigins: [] }
  const program = `
    const { startS3 } = await import(${JSON.stringify(new URL('./server.ts', import.meta.url).href)})
    console.log((await startS3(${JSON.stringify(options)})).url)`
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const exited = once(child, 'exit')
  const [line] = await once(child.stdout, 'data')
  const kill = async () => {
    child.kill('SIGKILL')
    await exited
  }
  return { url: String(line).trim(), kill }
}
