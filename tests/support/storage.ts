import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CreateBucketCommand, DeleteBucketCommand } from '@aws-sdk/client-s3'
import { afterAll, beforeAll } from '@jest/globals'
import { type RunningS3, startS3 } from '../../local/s3/server.ts'
import { externalUrl, signing } from '../../local/s3/testing.ts'
import { listObjects, removeObjects } from '../../shared/storage/objects.ts'
import { openStorage, type Storage } from '../../shared/storage/open.ts'

const { region: REGION, ...CREDENTIALS } = signing
const BUCKET = 'media'

export type TestStorage = {
  /**
   * The service's own view of the bucket. Only inside a test: the server starts before the first
   * one.
   */
  storage(): Storage
  /** For parts that speak to the same S3 themselves. */
  access(): { endpoint: string; region: string; credentials: typeof CREDENTIALS }
  /** A folder of this test file's own; gone when the file is done. */
  folder(): string
}

/** An empty bucket for this test file: in a server of our own (local/s3), or in the one that S3_CONFORMANCE_URL names. */
export const useStorage = (): TestStorage => {
  let folder: string
  let s3: RunningS3 | undefined
  let storage: Storage
  const url = () => externalUrl ?? s3?.url ?? ''
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hub-s3-'))
    if (externalUrl === undefined)
      s3 = await startS3({
        dataDir: join(folder, 's3'),
        port: 0,
        ...signing,
        allowedOrigins: [],
      })
    // Where the official client looks for its credentials.
    process.env.AWS_ACCESS_KEY_ID = CREDENTIALS.accessKeyId
    process.env.AWS_SECRET_ACCESS_KEY = CREDENTIALS.secretAccessKey
    storage = openStorage({
      AWS_REGION: REGION,
      AWS_ENDPOINT_URL_S3: url(),
      MEDIA_BUCKET: BUCKET,
    })
    await storage.s3.send(new CreateBucketCommand({ Bucket: BUCKET }))
  })
  afterAll(async () => {
    // The next file finds an empty one again.
    if (!s3) await removeBucket(storage)
    storage.s3.destroy()
    await s3?.close()
    await rm(folder, { recursive: true, force: true })
  })
  return {
    storage: () => storage,
    access: () => ({ endpoint: url(), region: REGION, credentials: CREDENTIALS }),
    folder: () => folder,
  }
}

const removeBucket = async (storage: Storage): Promise<void> => {
  for (let isLast = false; !isLast; ) {
    const page = await listObjects(storage, { prefix: '' })
    const keys = page.objects.map(({ key }) => key)
    await removeObjects(storage, keys)
    isLast = page.isLast
  }
  await storage.s3.send(new DeleteBucketCommand({ Bucket: storage.bucket }))
}
