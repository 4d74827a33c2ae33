import { createHash } from 'node:crypto'
import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3'
import { getSignedUrl } from '@aws-sdk/s3-request-presigner'

export const MEBIBYTE = 1_024 ** 2
export const ORIGIN = 'http://localhost:8080'

/** Set to run the conformance suite against another server; see README.md. */
export const externalUrl = process.env.S3_CONFORMANCE_URL

export const signing = {
  accessKeyId: process.env.S3_CONFORMANCE_ACCESS_KEY ?? 'conformance',
  secretAccessKey: process.env.S3_CONFORMANCE_SECRET_KEY ?? 'conformance-secret',
  region: process.env.S3_CONFORMANCE_REGION ?? 'us-east-1',
}

/** The SDK as services use it, without its retries: a test wants the first answer. */
export const clientFor = (url: string, more: S3ClientConfig = {}) =>
  new S3Client({
    endpoint: url,
    forcePathStyle: true,
    region: signing.region,
    credentials: signing,
    maxAttempts: 1,
    ...more,
  })

/** A URL for `command`. The presigner's type knows nothing of exactOptionalPropertyTypes, hence the cast. */
export const presignAt = (url: string, command: object, more: object = {}) =>
  getSignedUrl(
    clientFor(url, { requestChecksumCalculation: 'WHEN_REQUIRED' }),
    command as Parameters<typeof getSignedUrl>[1],
    { expiresIn: 60, ...more },
  )

/** The refusal of an SDK call, as `status code`. */
export async function refusal(call: Promise<unknown>): Promise<string> {
  const error = await call.then(
    () => new Error('it was not refused'),
    (thrown: Error) => thrown,
  )
  const { $metadata } = error as { $metadata?: { httpStatusCode?: number } }
  return $metadata === undefined ? `${error}` : `${$metadata.httpStatusCode} ${error.name}`
}

/** The refusal in a plain HTTP answer, as `status code`. */
export async function refusalOf(answer: Response): Promise<string> {
  const body = await answer.text()
  return `${answer.status} ${/<Code>(.*?)<\/Code>/.exec(body)?.[1] ?? body}`
}

export const md5 = (bytes: Buffer | string) => createHash('md5').update(bytes).digest('hex')
