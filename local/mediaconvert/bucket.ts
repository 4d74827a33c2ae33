import { createReadStream } from 'node:fs'
import { stat, statfs } from 'node:fs/promises'
import { dirname } from 'node:path'
import { DeleteObjectsCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { downloadObject } from '../../shared/storage/objects.ts'
import { JobError } from './job-error.ts'
import type { ObjectPlace } from './plan.ts'

export type S3Access = {
  readonly endpoint: string
  readonly region: string
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string }
}

/** A file or a text on its way into a bucket. */
export type Upload = ObjectPlace & { readonly contentType: string } & (
    | { readonly file: string }
    | { readonly text: string }
  )

/** The largest input, in bytes. */
export const INPUT_BYTES_MAX = 20 * 1_024 ** 3
/** Room for the outputs beside the input, as a multiple of the input's size. */
const ROOM_FACTOR = 3
const UPLOADS_AT_ONCE = 4
/** S3's own limit of one DeleteObjects request. */
const DELETES_AT_ONCE = 1_000

/** The objects a job reads and writes. */
export class Bucket {
  readonly #client: S3Client

  constructor(access: S3Access) {
    this.#client = new S3Client({ ...access, forcePathStyle: true })
  }

  /**
   * @throws JobError if the object is missing, forbidden or larger than the disk or `bytesMax`
   * allows.
   */
  async download(
    { bucket, key }: ObjectPlace,
    path: string,
    bytesMax: number,
    signal: AbortSignal,
  ): Promise<void> {
    const disk = await statfs(dirname(path))
    const accept = (bytes: number) => {
      if (bytes === 0) throw new JobError(1010, 'The file is empty.')
      if (bytes > bytesMax) throw new JobError(1010, `The file is larger than ${bytesMax} bytes.`)
      if (disk.bavail * disk.bsize < bytes * ROOM_FACTOR)
        throw new JobError(1999, 'The disk has no room for this job.')
    }
    await downloadObject({ s3: this.#client, bucket }, key, path, { accept, signal }).catch(
      (error: Error) => {
        throw readError(error, `s3://${bucket}/${key}`)
      },
    )
  }

  /** Writes all, in order of the list up to a few at once. */
  async uploadAll(uploads: readonly Upload[], signal: AbortSignal): Promise<void> {
    for (let from = 0; from < uploads.length; from += UPLOADS_AT_ONCE) {
      const batch = uploads.slice(from, from + UPLOADS_AT_ONCE)
      await Promise.all(batch.map((upload) => this.#upload(upload, signal)))
    }
  }

  async removeAll(places: readonly ObjectPlace[]): Promise<void> {
    for (const [bucket, ofBucket] of Object.entries(Object.groupBy(places, (one) => one.bucket))) {
      for (let from = 0; from < (ofBucket?.length ?? 0); from += DELETES_AT_ONCE) {
        const keys = ofBucket?.slice(from, from + DELETES_AT_ONCE).map(({ key }) => ({ Key: key }))
        const Delete = { Objects: keys, Quiet: true }
        await this.#client.send(new DeleteObjectsCommand({ Bucket: bucket, Delete }))
      }
    }
  }

  close(): void {
    this.#client.destroy()
  }

  async #upload(upload: Upload, signal: AbortSignal): Promise<void> {
    const { bucket, key, contentType } = upload
    const body =
      'text' in upload
        ? { Body: upload.text }
        : { Body: createReadStream(upload.file), ContentLength: (await stat(upload.file)).size }
    const put = { Bucket: bucket, Key: key, ContentType: contentType, ...body }
    await this.#client.send(new PutObjectCommand(put), { abortSignal: signal })
  }
}

function readError(error: Error, url: string): Error {
  if (error.name === 'NoSuchKey' || error.name === 'NoSuchBucket' || error.name === 'NotFound') {
    return new JobError(1404, `${url} does not exist.`, { cause: error })
  }
  if (error.name === 'AccessDenied') {
    return new JobError(1401, `${url} may not be read.`, { cause: error })
  }
  return error
}
