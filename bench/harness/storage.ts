import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CreateBucketCommand } from '@aws-sdk/client-s3'
import { startS3 } from '../../local/s3/server.ts'
import { openStorage, type Storage } from '../../shared/storage/open.ts'

const CREDENTIALS = { accessKeyId: 'local', secretAccessKey: 'local-secret' }
const REGION = 'us-east-1'
const BUCKET = 'media'

/** The local S3 in this process, with an empty bucket. */
export const startStorage = async (): Promise<{
  readonly storage: Storage
  stop(): Promise<void>
}> => {
  const folder = await mkdtemp(join(tmpdir(), 'hub-bench-s3-'))
  const options = { dataDir: folder, port: 0, region: REGION, allowedOrigins: [] }
  const server = await startS3({ ...options, ...CREDENTIALS })
  // Where the official client looks for its credentials.
  process.env.AWS_ACCESS_KEY_ID = CREDENTIALS.accessKeyId
  process.env.AWS_SECRET_ACCESS_KEY = CREDENTIALS.secretAccessKey
  const storage = openStorage({
    ...{ AWS_REGION: REGION, AWS_ENDPOINT_URL_S3: server.url, MEDIA_BUCKET: BUCKET },
  })
  await storage.s3.send(new CreateBucketCommand({ Bucket: BUCKET }))
  return {
    storage,
    async stop() {
      storage.s3.destroy()
      await server.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}
