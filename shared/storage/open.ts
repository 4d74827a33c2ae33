import { GetObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { getSignedUrl } from '@aws-sdk/s3-request-presigner'
import * as z from 'zod'
import { type Environment, loadConfig } from '../config/load.ts'

const storageSchema = z.object({
  AWS_REGION: z.string(),
  /** Another S3 than AWS's own, as the SDKs understand it; addressed by path then. */
  AWS_ENDPOINT_URL_S3: z.url().optional(),
  /** The bucket of this stage: uploads, renditions, certificates, each under its own prefix. */
  MEDIA_BUCKET: z.string().min(3),
})

/**
 * The bucket and the official client. Credentials come from the environment, as the SDK finds
 * them.
 */
export type Storage = {
  readonly s3: S3Client
  readonly bucket: string
  /** A URL that gives one object to whoever holds it, for `seconds`. */
  signedUrl(
    key: string,
    options: { seconds: number; contentDisposition?: string; contentType?: string },
  ): Promise<string>
}

/** Opens lazily; nothing is sent before the first call. */
export const openStorage = (environment: Environment): Storage => {
  const config = loadConfig(storageSchema, environment)
  const s3 = new S3Client({
    region: config.AWS_REGION,
    forcePathStyle: config.AWS_ENDPOINT_URL_S3 !== undefined,
    ...(config.AWS_ENDPOINT_URL_S3 && { endpoint: config.AWS_ENDPOINT_URL_S3 }),
    // A presigned PUT would otherwise demand the CRC32 of an empty body (engines.md, S3).
    requestChecksumCalculation: 'WHEN_REQUIRED',
  })
  const bucket = config.MEDIA_BUCKET
  return {
    s3,
    bucket,
    signedUrl: (key, { seconds, contentDisposition, contentType }) =>
      getSignedUrl(
        s3,
        new GetObjectCommand({
          Bucket: bucket,
          Key: key,
          ...(contentDisposition && { ResponseContentDisposition: contentDisposition }),
          ...(contentType && { ResponseContentType: contentType }),
        }),
        { expiresIn: seconds },
      ),
  }
}
