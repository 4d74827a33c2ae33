import { createHash, randomBytes } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import * as z from 'zod'
import { S3Error } from '../errors.ts'
import type { StoredChecksum } from '../wire/body.ts'
import { CHECKSUM_ALGORITHMS, type ChecksumAlgorithm, startDigest } from '../wire/checksums.ts'
import type { Blob, Disk } from './disk.ts'
import { compareUtf8 } from './key-index.ts'
import { Locks } from './locks.ts'
import {
  type Bucket,
  blobSchema,
  checksumTypeSchema,
  descriptionSchema,
  type Guard,
  type ObjectRecord,
  type ObjectStore,
} from './objects.ts'

/** Every part but the last. */
export const PART_BYTES_MIN = 5 * 1_024 ** 2
export const PART_NUMBER_MAX = 10_000

const uploadSchema = descriptionSchema.extend({
  id: z.string(),
  bucket: z.string(),
  key: z.string(),
  initiatedMs: z.int(),
  checksum: z
    .object({ algorithm: z.enum(CHECKSUM_ALGORITHMS), type: checksumTypeSchema })
    .nullable(),
})

const partSchema = z.object({
  number: z.int().min(1).max(PART_NUMBER_MAX),
  blob: blobSchema,
  etag: z.string(),
  lastModifiedMs: z.int(),
  checksum: z.object({ algorithm: z.enum(CHECKSUM_ALGORITHMS), value: z.string() }).nullable(),
})

type UploadRecord = z.infer<typeof uploadSchema>

export type Part = z.infer<typeof partSchema>

export type Upload = UploadRecord & { readonly parts: Map<number, Part> }

/** A part as the client names it at completion. */
export type PartClaim = {
  readonly number: number
  readonly etag: string
  readonly checksum: StoredChecksum | undefined
}

export type Completion = {
  readonly claims: readonly PartClaim[]
  /** The checksum of the whole that the client expects, base64, maybe with `-<parts>`. */
  readonly checksum: StoredChecksum | undefined
  /** The size of the whole that the client expects. */
  readonly sizeBytes: number | undefined
  readonly guard: Guard
  readonly nowMs: number
}

type UploadName = { readonly bucket: Bucket; readonly key: string; readonly uploadId: string }

/** Multipart uploads: parts wait as blobs with a record each; a completion only names them. */
export class Uploads {
  readonly #disk: Disk
  readonly #objects: ObjectStore
  readonly #uploads = new Map<string, Upload>()
  readonly #locks = new Locks()

  private constructor(disk: Disk, objects: ObjectStore) {
    this.#disk = disk
    this.#objects = objects
  }

  static async open(disk: Disk, objects: ObjectStore): Promise<Uploads> {
    const uploads = new Uploads(disk, objects)
    for (const id of await readdir(disk.path('uploads'))) await uploads.#load(id)
    return uploads
  }

  async create(upload: Omit<UploadRecord, 'id'>): Promise<string> {
    const id = randomBytes(16).toString('hex')
    await this.#disk.makeFolder(this.#disk.path('uploads', id))
    await this.#disk.writeRecord(this.#file(id, 'upload'), { ...upload, id })
    this.#uploads.set(id, { ...upload, id, parts: new Map() })
    return id
  }

  /** @throws S3Error NoSuchUpload, also when the id belongs to another key. */
  find({ bucket, key, uploadId }: UploadName): Upload {
    const upload = this.#uploads.get(uploadId)
    if (upload === undefined || upload.bucket !== bucket.name || upload.key !== key) {
      throw new S3Error('NoSuchUpload')
    }
    return upload
  }

  /** In S3's order: by key, then by the time they began. */
  list(bucket: Bucket): readonly Upload[] {
    return [...this.#uploads.values()]
      .filter((upload) => upload.bucket === bucket.name)
      .sort(
        (a, b) =>
          compareUtf8(a.key, b.key) || a.initiatedMs - b.initiatedMs || compareUtf8(a.id, b.id),
      )
  }

  /** Takes the part over, replacing an earlier one of its number. */
  putPart(name: UploadName, part: Part): Promise<void> {
    return this.#locks.run(name.uploadId, async () => {
      const upload = this.find(name) // It may have been aborted while the bytes came in.
      const previous = upload.parts.get(part.number)
      await this.#disk.writeRecord(this.#file(upload.id, part.number), part)
      upload.parts.set(part.number, part)
      if (previous !== undefined) await this.#disk.removeBlobs([previous.blob])
    })
  }

  abort(name: UploadName): Promise<void> {
    return this.#locks.run(name.uploadId, async () => {
      const upload = this.find(name)
      await this.#discard(upload, [...upload.parts.values()])
    })
  }

  /** Makes the object. Repeating a completion whose answer was lost gives the same answer. */
  complete(name: UploadName, completion: Completion): Promise<ObjectRecord> {
    return this.#locks.run(name.uploadId, async () => {
      const current = name.bucket.objects.get(name.key)
      if (current?.uploadId === name.uploadId) return current
      const upload = this.find(name)
      const parts = chooseParts(upload, completion.claims)
      const record = await this.#assemble(upload, parts, completion)
      await this.#objects.put(name.bucket, record, completion.guard)
      const chosen = new Set(parts)
      await this.#discard(
        upload,
        [...upload.parts.values()].filter((part) => !chosen.has(part)),
      )
      return record
    })
  }

  /** Blobs of unfinished uploads, for the sweep. */
  *blobs(): Generator<Blob> {
    for (const upload of this.#uploads.values()) {
      for (const part of upload.parts.values()) yield part.blob
    }
  }

  async #assemble(
    upload: Upload,
    parts: readonly Part[],
    completion: Completion,
  ): Promise<ObjectRecord> {
    const blobs = parts.map((part) => part.blob)
    const sizeBytes = blobs.reduce((sum, blob) => sum + blob.sizeBytes, 0)
    if (completion.sizeBytes !== undefined && completion.sizeBytes !== sizeBytes) {
      throw new S3Error('InvalidRequest', 'x-amz-mp-object-size is not the size of the parts.')
    }
    const checksum = await this.#checksum(upload, parts)
    assertChecksum(completion.checksum, checksum)
    return {
      key: upload.key,
      headers: upload.headers,
      metadata: upload.metadata,
      blobs,
      sizeBytes,
      etag: multipartEtag(parts),
      lastModifiedMs: completion.nowMs,
      checksum,
      uploadId: upload.id,
    }
  }

  async #checksum(upload: Upload, parts: readonly Part[]): Promise<ObjectRecord['checksum']> {
    if (upload.checksum === null) return null
    const { algorithm, type } = upload.checksum
    const digest = startDigest(algorithm)
    if (type === 'COMPOSITE') {
      for (const part of parts) digest.update(Buffer.from(part.checksum?.value ?? '', 'base64'))
    } else {
      const blobs = parts.map((part) => part.blob)
      const everything = { first: 0, last: Number.MAX_SAFE_INTEGER }
      for await (const chunk of this.#objects.readBlobs(blobs, everything)) digest.update(chunk)
    }
    const value = (await digest.digest()).toString('base64')
    return { algorithm, type, value: type === 'COMPOSITE' ? `${value}-${parts.length}` : value }
  }

  async #discard(upload: Upload, parts: readonly Part[]): Promise<void> {
    this.#uploads.delete(upload.id)
    await this.#disk.removeFolder(this.#disk.path('uploads', upload.id))
    await this.#disk.removeBlobs(parts.map((part) => part.blob))
  }

  async #load(id: string): Promise<void> {
    const folder = this.#disk.path('uploads', id)
    const files = await readdir(folder)
    if (!files.includes('upload.json')) return this.#disk.removeFolder(folder) // Never answered.
    const record = await this.#disk.readRecord(this.#file(id, 'upload'), (value) =>
      uploadSchema.parse(value),
    )
    if (this.#isComplete(record)) return this.#disk.removeFolder(folder)
    const upload: Upload = { ...record, parts: new Map() }
    for (const file of files.filter((name) => name !== 'upload.json')) {
      const part = await this.#disk.readRecord(this.#disk.path('uploads', id, file), (value) =>
        partSchema.parse(value),
      )
      upload.parts.set(part.number, part)
    }
    this.#uploads.set(id, upload)
  }

  /** A crash came between the object and the removal of its upload. */
  #isComplete(upload: UploadRecord): boolean {
    return this.#objects.bucket(upload.bucket).objects.get(upload.key)?.uploadId === upload.id
  }

  #file(id: string, name: 'upload' | number): string {
    return this.#disk.path('uploads', id, `${name}.json`)
  }
}

function chooseParts(upload: Upload, claims: readonly PartClaim[]): readonly Part[] {
  if (claims.some((claim, at) => at > 0 && claim.number <= (claims[at - 1]?.number ?? 0))) {
    throw new S3Error('InvalidPartOrder')
  }
  const parts = claims.map((claim) => choosePart(upload, claim))
  if (parts.slice(0, -1).some((part) => part.blob.sizeBytes < PART_BYTES_MIN)) {
    throw new S3Error('EntityTooSmall')
  }
  return parts
}

function choosePart(upload: Upload, { number, etag, checksum }: PartClaim): Part {
  const part = upload.parts.get(number)
  const matches =
    part !== undefined &&
    part.etag === etag.replaceAll('"', '') &&
    (checksum === undefined ||
      (checksum.algorithm === part.checksum?.algorithm && checksum.value === part.checksum.value))
  if (!matches) throw new S3Error('InvalidPart')
  return part
}

function assertChecksum(
  expected: StoredChecksum | undefined,
  actual: { algorithm: ChecksumAlgorithm; value: string } | null,
): void {
  if (expected === undefined) return
  const value = actual?.value.split('-')[0]
  const matches =
    expected.algorithm === actual?.algorithm &&
    (expected.value === actual.value || expected.value === value)
  if (!matches) throw new S3Error('BadDigest')
}

function multipartEtag(parts: readonly Part[]): string {
  const hash = createHash('md5')
  for (const part of parts) hash.update(part.etag, 'hex')
  return `${hash.digest('hex')}-${parts.length}`
}
