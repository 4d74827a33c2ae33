import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { Readable } from 'node:stream'
import * as z from 'zod'
import { S3Error } from '../errors.ts'
import { CHECKSUM_ALGORITHMS } from '../wire/checksums.ts'
import type { Disk } from './disk.ts'
import { KeyIndex } from './key-index.ts'
import { Locks } from './locks.ts'

/** Records that are read at once at the start. */
const RECORDS_READ_AT_ONCE = 64

export const blobSchema = z.object({ id: z.uuid(), sizeBytes: z.int().min(0) })

export const checksumTypeSchema = z.enum(['COMPOSITE', 'FULL_OBJECT'])

/** What a client says about an object beside its bytes. */
export const descriptionSchema = z.object({
  /** Standard headers that a GET gives back, lower-case: content-type, cache-control, … */
  headers: z.record(z.string(), z.string()),
  /** User metadata without the `x-amz-meta-` prefix. */
  metadata: z.record(z.string(), z.string()),
})

export type Description = z.infer<typeof descriptionSchema>

const objectSchema = descriptionSchema.extend({
  key: z.string(),
  /** Its content, one blob after the other; a multipart upload leaves one per part. */
  blobs: z.array(blobSchema),
  sizeBytes: z.int().min(0),
  /** Without quotes: MD5 in hex, or MD5 of MD5s, a hyphen and the number of parts. */
  etag: z.string(),
  lastModifiedMs: z.int(),
  checksum: z
    .object({
      algorithm: z.enum(CHECKSUM_ALGORITHMS),
      value: z.string(),
      type: checksumTypeSchema,
    })
    .nullable(),
  /** The multipart upload that made it: tells a repeated completion from a mistaken one. */
  uploadId: z.string().nullable(),
})

export type ObjectRecord = z.infer<typeof objectSchema>

const bucketSchema = z.object({ name: z.string(), createdMs: z.int() })

export type Bucket = z.infer<typeof bucketSchema> & { readonly objects: KeyIndex<ObjectRecord> }

/** Looks at what is stored under the key now, and throws to stop the change. */
export type Guard = (current: ObjectRecord | undefined) => void

export type ByteRange = { readonly first: number; readonly last: number }

/**
 * Buckets and their objects. An object is a small record beside immutable blobs: to put one is to
 * replace its record, and a change is answered only once it is on the disk. The records also live in
 * memory (about 1 KB each), so that to list and to look up never wait for the disk.
 */
export class ObjectStore {
  readonly #disk: Disk
  readonly #buckets = new Map<string, Bucket>()
  readonly #locks = new Locks()
  readonly #readers = new Map<ObjectRecord, number>()
  readonly #retired = new Set<ObjectRecord>()

  private constructor(disk: Disk) {
    this.#disk = disk
  }

  /** @throws Error that names the file of a damaged record. */
  static async open(disk: Disk): Promise<ObjectStore> {
    const store = new ObjectStore(disk)
    for (const name of await readdir(disk.path('buckets'))) {
      await store.#loadBucket(name)
    }
    return store
  }

  buckets(): readonly Bucket[] {
    return [...this.#buckets.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  /** @throws S3Error NoSuchBucket. */
  bucket(name: string): Bucket {
    const bucket = this.#buckets.get(name)
    if (bucket === undefined) throw new S3Error('NoSuchBucket')
    return bucket
  }

  /** `name` is checked by the caller: it becomes a folder. */
  createBucket(name: string, createdMs: number): Promise<void> {
    return this.#locks.run(`bucket ${name}`, async () => {
      if (this.#buckets.has(name)) throw new S3Error('BucketAlreadyOwnedByYou')
      await this.#disk.makeFolder(this.#disk.path('buckets', name))
      await this.#disk.makeFolder(this.#disk.path('buckets', name, 'objects'))
      await this.#disk.writeRecord(this.#bucketFile(name), { name, createdMs })
      this.#buckets.set(name, { name, createdMs, objects: new KeyIndex() })
    })
  }

  /**
   * Puts the object in place of what its key holds. The guard decides under the key's lock, so of
   * two conditional writes at once one wins.
   */
  put(bucket: Bucket, record: ObjectRecord, guard: Guard): Promise<void> {
    return this.#locks.run(lockOf(bucket, record.key), async () => {
      const previous = bucket.objects.get(record.key)
      guard(previous)
      await this.#disk.writeRecord(this.#recordFile(bucket, record.key), record)
      bucket.objects.set(record.key, record)
      if (previous !== undefined) await this.#retire(previous)
    })
  }

  /** Removing what is not there is no mistake. */
  remove(bucket: Bucket, key: string, guard: Guard): Promise<void> {
    return this.#locks.run(lockOf(bucket, key), async () => {
      const current = bucket.objects.get(key)
      guard(current)
      if (current === undefined) return
      await this.#disk.removeRecord(this.#recordFile(bucket, key))
      bucket.objects.delete(key)
      await this.#retire(current)
    })
  }

  /** The same content under another record; the caller puts it. */
  async linkContent(source: ObjectRecord): Promise<ObjectRecord['blobs']> {
    const release = this.#hold(source)
    try {
      const copies: ObjectRecord['blobs'] = []
      for (const { id, sizeBytes } of source.blobs) {
        copies.push({ id: await this.#disk.linkBlob(id), sizeBytes })
      }
      return copies
    } finally {
      await release()
    }
  }

  /** The content, or `range` of it. A later put or remove does not disturb a read that has begun. */
  read(record: ObjectRecord, range: ByteRange): Readable {
    const release = this.#hold(record)
    const stream = Readable.from(this.readBlobs(record.blobs, range), { objectMode: false })
    // The answer is out by then; a file that could not be removed is swept at the next start.
    stream.once('close', () => void release().catch(() => undefined))
    return stream
  }

  /** Bytes of blobs that stay: those of an upload under its lock, or of a record that is held. */
  async *readBlobs(blobs: ObjectRecord['blobs'], range: ByteRange): AsyncGenerator<Buffer> {
    let offset = 0
    for (const { id, sizeBytes } of blobs) {
      const start = Math.max(range.first - offset, 0)
      const end = Math.min(range.last - offset, sizeBytes - 1)
      offset += sizeBytes
      if (start <= end) yield* createReadStream(this.#disk.blobPath(id), { start, end })
    }
  }

  #hold(record: ObjectRecord): () => Promise<void> {
    this.#readers.set(record, (this.#readers.get(record) ?? 0) + 1)
    return async () => {
      const left = (this.#readers.get(record) ?? 1) - 1
      if (left > 0) {
        this.#readers.set(record, left)
        return
      }
      this.#readers.delete(record)
      if (this.#retired.delete(record)) await this.#disk.removeBlobs(record.blobs)
    }
  }

  async #retire(record: ObjectRecord): Promise<void> {
    if (this.#readers.has(record)) this.#retired.add(record)
    else await this.#disk.removeBlobs(record.blobs)
  }

  async #loadBucket(name: string): Promise<void> {
    const folder = this.#disk.path('buckets', name, 'objects')
    const files = await readdir(folder).catch(() => undefined)
    const known = await this.#disk
      .readRecord(this.#bucketFile(name), (value) => bucketSchema.parse(value))
      .catch((error: Error) => {
        // A crash came before its creation was answered: there is no such bucket yet.
        if (files === undefined || files.length === 0) return undefined
        throw error
      })
    if (known === undefined || files === undefined) return
    const bucket: Bucket = { ...known, objects: new KeyIndex() }
    for (let start = 0; start < files.length; start += RECORDS_READ_AT_ONCE) {
      const batch = files.slice(start, start + RECORDS_READ_AT_ONCE)
      const records = await Promise.all(
        batch.map((file) =>
          this.#disk.readRecord(this.#disk.path('buckets', name, 'objects', file), (value) =>
            objectSchema.parse(value),
          ),
        ),
      )
      for (const record of records) bucket.objects.set(record.key, record)
    }
    this.#buckets.set(name, bucket)
  }

  #bucketFile(name: string): string {
    return this.#disk.path('buckets', name, 'bucket.json')
  }

  /** A hash, because a key may be longer than a file name and hold any character. */
  #recordFile(bucket: Bucket, key: string): string {
    const name = createHash('sha256').update(key).digest('hex')
    return this.#disk.path('buckets', bucket.name, 'objects', `${name}.json`)
  }
}

const lockOf = (bucket: Bucket, key: string): string => `object ${bucket.name}/${key}`
