import { createHash } from 'node:crypto'
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  ListMultipartUploadsCommand,
  ListPartsCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3'
import { getSignedUrl } from '@aws-sdk/s3-request-presigner'
import { PARTS_MAX } from '../../../shared/contracts/media.ts'
import { assert } from '../../../shared/kernel/assert.ts'
import {
  isMissing,
  listObjects,
  objectSize,
  readObjectHead,
  removeObjects,
  storageUnavailable,
} from '../../../shared/storage/objects.ts'
import type { Storage } from '../../../shared/storage/open.ts'
import { SNIFFED_BYTES } from '../domain/content-type.ts'
import { KEY_PREFIX } from '../domain/media.ts'

export type Part = { readonly etag: string; readonly sizeBytes: number }
/** Parts by their number, from 1. */
export type Parts = ReadonlyMap<number, Part>

type Place = { readonly key: string; readonly uploadId: string }

/** How long the address of a part is good, in seconds: a slow line and 64 MB. */
export const PART_URL_SECONDS = 60 * 60
const PARTS_PER_PAGE = 1_000
/** S3's own bound on one listing of uploads. */
const UPLOADS_PER_PAGE = 1_000

/**
 * Multipart uploads as this service needs them. S3's failures are thrown as `storage.unavailable`.
 */
export const multipartUploads = (storage: Storage) => {
  const { s3, bucket: Bucket } = storage
  const at = ({ key, uploadId }: Place) => ({ Bucket, Key: key, UploadId: uploadId })
  return {
    /** No checksum algorithm is named: browsers send parts without one (local/s3/README.md). */
    begin: (key: string): Promise<string> =>
      answered(async () => {
        const { UploadId } = await s3.send(
          new CreateMultipartUploadCommand({ Bucket, Key: key, ContentType: UNKNOWN_TYPE }),
        )
        assert(UploadId, 'S3 names the upload')
        return UploadId
      }),

    /** The length is signed: S3 refuses a body of any other. */
    partUrl: (place: Place, partNumber: number, sizeBytes: number): Promise<string> =>
      getSignedUrl(
        s3,
        new UploadPartCommand({
          ...at(place),
          PartNumber: partNumber,
          ContentLength: sizeBytes,
        }),
        { expiresIn: PART_URL_SECONDS, signableHeaders: new Set(['content-length', 'host']) },
      ),

    /**
     * The parts after `afterNumber`, so many at most; none if S3 does not know the upload (any
     * more).
     */
    parts: (
      place: Place,
      { afterNumber = 0, limit = PARTS_MAX }: { afterNumber?: number; limit?: number } = {},
    ): Promise<Parts> =>
      answered(async () => {
        const parts = new Map<number, Part>()
        let marker = afterNumber
        while (parts.size < limit) {
          const page = await s3.send(
            new ListPartsCommand({
              ...at(place),
              PartNumberMarker: String(marker),
              MaxParts: Math.min(PARTS_PER_PAGE, limit - parts.size),
            }),
          )
          for (const { PartNumber = 0, ETag = '', Size = 0 } of page.Parts ?? []) {
            parts.set(PartNumber, { etag: ETag, sizeBytes: Size })
            marker = PartNumber
          }
          if (!page.IsTruncated || !page.Parts?.length) break
        }
        return parts
      }).catch((error: unknown) => {
        if (isMissing(causeOf(error))) return new Map()
        throw error
      }),

    join: (place: Place, parts: Parts): Promise<void> =>
      answered(async () => {
        const Parts = [...parts]
          .sort(([one], [other]) => one - other)
          .map(([PartNumber, { etag }]) => ({ PartNumber, ETag: etag }))
        await s3.send(
          new CompleteMultipartUploadCommand({ ...at(place), MultipartUpload: { Parts } }),
        )
      }),

    /** Frees what has arrived so far; an upload that is not there is done already. */
    abort: (place: Place): Promise<void> =>
      answered(() => s3.send(new AbortMultipartUploadCommand(at(place)))).then(
        () => undefined,
        (error: unknown) => {
          if (!isMissing(causeOf(error))) throw error
        },
      ),

    size: (key: string) => answered(() => objectSize(storage, key)),
    head: (key: string) => answered(() => readObjectHead(storage, key, SNIFFED_BYTES)),
    remove: (key: string) => answered(() => removeObjects(storage, [key])),

    sha256: (key: string): Promise<string> =>
      answered(async () => {
        const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key: key }))
        assert(Body, 'an object that was read has a body')
        const hash = createHash('sha256')
        const reader = Body.transformToWebStream().getReader()
        for (let read = await reader.read(); !read.done; read = await reader.read())
          hash.update(read.value)
        return hash.digest('hex')
      }),

    /** One page of our objects, by key. */
    objects: (afterKey: string | undefined) =>
      answered(() => listObjects(storage, { prefix: KEY_PREFIX, afterKey })),

    /** Uploads that S3 knows, the first so many. */
    known: (): Promise<{ readonly key: string; readonly uploadId: string; begunAt: Date }[]> =>
      answered(async () => {
        const { Uploads = [] } = await s3.send(
          new ListMultipartUploadsCommand({
            Bucket,
            Prefix: KEY_PREFIX,
            MaxUploads: UPLOADS_PER_PAGE,
          }),
        )
        return Uploads.map(({ Key = '', UploadId = '', Initiated = new Date(0) }) => ({
          key: Key,
          uploadId: UploadId,
          begunAt: Initiated,
        }))
      }),
  }
}

export type MultipartUploads = ReturnType<typeof multipartUploads>

const UNKNOWN_TYPE = 'application/octet-stream'

const answered = async <Result>(call: () => Promise<Result>): Promise<Result> => {
  try {
    return await call()
  } catch (error) {
    throw storageUnavailable(error)
  }
}

const causeOf = (error: unknown): unknown => (error instanceof Error ? error.cause : undefined)
