import { createWriteStream } from 'node:fs'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import {
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
} from '@aws-sdk/client-s3'
import { assert } from '../kernel/assert.ts'
import { DomainError } from '../kernel/errors.ts'
import type { Storage } from './open.ts'

/** S3's own bound on one listing and on one DeleteObjects request. */
const OBJECTS_PER_PAGE = 1_000

/** S3 did not answer as it should; nothing is known to be wrong with the request. */
export const storageUnavailable = (cause: unknown) =>
  new DomainError('unavailable', 'storage.unavailable', 'Please try again in a moment.', {
    retryAfterSeconds: 2,
    cause,
  })

/** Whether S3 says that the object or the upload is not there. */
export const isMissing = (error: unknown): boolean =>
  error instanceof Error && ['NoSuchKey', 'NotFound', 'NoSuchUpload'].includes(error.name)

/** The size of an object in bytes; undefined if there is none. */
export const objectSize = async (
  { s3, bucket }: Storage,
  key: string,
): Promise<number | undefined> => {
  try {
    const head = await s3.send(new HeadObjectCommand({ Bucket: bucket, Key: key }))
    return head.ContentLength ?? 0
  } catch (error) {
    if (isMissing(error)) return undefined
    throw error
  }
}

/** The first `bytesMax` bytes of an object, or all of a shorter one. */
export const readObjectHead = async (
  { s3, bucket }: Storage,
  key: string,
  bytesMax: number,
): Promise<Buffer> => {
  const object = await s3.send(
    new GetObjectCommand({ Bucket: bucket, Key: key, Range: `bytes=0-${bytesMax - 1}` }),
  )
  assert(object.Body, 'an object that was read has a body')
  return Buffer.from(await object.Body.transformToByteArray())
}

/** Text of an object, of which no more than `bytesMax` bytes are read. */
export const readObjectText = async (
  storage: Storage,
  key: string,
  bytesMax: number,
): Promise<string> => (await readObjectHead(storage, key, bytesMax)).toString('utf8')

/**
 * Writes an object to the file `path`. `accept` is told its size in bytes before any of it is read,
 * and refuses by throwing. Nothing is awaited between the answer and the reading of its body: an
 * error of a body that nobody reads yet would end the process, and a body that nobody reads keeps
 * its connection.
 */
export const downloadObject = async (
  { s3, bucket }: Pick<Storage, 's3' | 'bucket'>,
  key: string,
  path: string,
  { accept, signal }: { accept(sizeBytes: number): void; signal?: AbortSignal },
): Promise<void> => {
  const object = await s3.send(
    new GetObjectCommand({ Bucket: bucket, Key: key }),
    signal && { abortSignal: signal },
  )
  // In Node the body is a stream of Node's.
  const body = object.Body as Readable
  try {
    accept(object.ContentLength ?? 0)
  } catch (refusal) {
    body.destroy()
    throw refusal
  }
  await pipeline(body, createWriteStream(path), { signal })
}

export const putObject = async (
  { s3, bucket }: Storage,
  key: string,
  { body, contentType }: { body: string | Uint8Array; contentType: string },
): Promise<void> => {
  await s3.send(
    new PutObjectCommand({ Bucket: bucket, Key: key, Body: body, ContentType: contentType }),
  )
}

export type StoredObject = {
  readonly key: string
  readonly sizeBytes: number
  readonly modifiedAt: Date
}

/** One page of the objects below `prefix`, by key. @param afterKey where the page before ended. */
export const listObjects = async (
  { s3, bucket }: Storage,
  { prefix, afterKey }: { prefix: string; afterKey?: string | undefined },
): Promise<{ readonly objects: readonly StoredObject[]; readonly isLast: boolean }> => {
  const page = await s3.send(
    new ListObjectsV2Command({
      Bucket: bucket,
      Prefix: prefix,
      MaxKeys: OBJECTS_PER_PAGE,
      ...(afterKey !== undefined && { StartAfter: afterKey }),
    }),
  )
  const objects = (page.Contents ?? []).map((object) => ({
    key: object.Key ?? '',
    sizeBytes: object.Size ?? 0,
    modifiedAt: object.LastModified ?? new Date(0),
  }))
  return { objects, isLast: page.IsTruncated !== true }
}

/**
 * Every object below `prefix`, page after page. @throws an invariant failure above `objectsMax`.
 */
export const listFolder = async (
  storage: Storage,
  { prefix, objectsMax }: { prefix: string; objectsMax: number },
): Promise<StoredObject[]> => {
  const all: StoredObject[] = []
  for (;;) {
    const { objects, isLast } = await listObjects(storage, { prefix, afterKey: all.at(-1)?.key })
    all.push(...objects)
    assert(all.length <= objectsMax, `the folder holds ${objectsMax} objects at most`)
    if (isLast) return all
  }
}

/** Deletes these; what is already gone does not matter. @throws if S3 kept one. */
export const removeObjects = async (
  { s3, bucket }: Storage,
  keys: readonly string[],
): Promise<void> => {
  for (let from = 0; from < keys.length; from += OBJECTS_PER_PAGE) {
    const Objects = keys.slice(from, from + OBJECTS_PER_PAGE).map((Key) => ({ Key }))
    const { Errors = [] } = await s3.send(
      new DeleteObjectsCommand({ Bucket: bucket, Delete: { Objects, Quiet: true } }),
    )
    if (Errors.length > 0) throw new Error(`S3 kept ${Errors.length} objects: ${Errors[0]?.Code}`)
  }
}

/**
 * Deletes everything below `prefix`, which must end in a slash: a folder, not a beginning of
 * names.
 */
export const removeFolder = async (storage: Storage, prefix: string): Promise<void> => {
  assert(prefix.length > 1 && prefix.endsWith('/'), 'a folder ends in a slash')
  for (;;) {
    const { objects, isLast } = await listObjects(storage, { prefix })
    await removeObjects(
      storage,
      objects.map(({ key }) => key),
    )
    if (isLast) return
  }
}
