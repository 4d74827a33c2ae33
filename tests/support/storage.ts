import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CreateBucketCommand } from '@aws-sdk/client-s3'
import { afterAll, beforeAll } from '@jest/globals'
import { type RunningS3, startS3 } from '../../local/s3/server.ts'
import { openStorage, type Storage } from '../../shared/storage/open.ts'

const CREDENTIALS = { accessKeyId: 'local', secretAccessKey: 'local-secret' }
const REGION = 'us-east-1'
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

/** A real S3 (local/s3) with an empty bucket for this test file. */
export const useStorage = (): TestStorage => {
  let folder: string
  let s3: RunningS3
  let storage: Storage
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hub-s3-'))
    s3 = await startS3({
      dataDir: join(folder, 's3'),
      port: 0,
      ...CREDENTIALS,
      region: REGION,
      allowedOrigins: [],
    })
    // Where the official client looks for its credentials.
    process.env.AWS_ACCESS_KEY_ID = CREDENTIALS.accessKeyId
    process.env.AWS_SECRET_ACCESS_KEY = CREDENTIALS.secretAccessKey
    storage = openStorage({
      AWS_REGION: REGION,
      AWS_ENDPOINT_URL_S3: s3.url,
      MEDIA_BUCKET: BUCKET,
    })
    await storage.s3.send(new CreateBucketCommand({ Bucket: BUCKET }))
  })
  afterAll(async () => {
    storage.s3.destroy()
    await s3.close()
    await rm(folder, { recursive: true, force: true })
  })
  return {
    storage: () => storage,
    access: () => ({ endpoint: s3.url, region: REGION, credentials: CREDENTIALS }),
    folder: () => folder,
  }
}
