import { randomUUID } from 'node:crypto'
import { link, mkdir, open, readdir, readFile, rename, rm, unlink } from 'node:fs/promises'
import path from 'node:path'
import { S3Error } from '../errors.ts'

/** Bodies that are received at once; one more is told to slow down, which the SDK does. */
export const RECEIVING_MAX = 256

/** Content under a random name. It is written once and never changes. */
export type Blob = { readonly id: string; readonly sizeBytes: number }

/**
 * Durable files: what a method has answered survives a kill or a power cut.
 *
 * Names of blobs and records are made here or are hashes; no name from a client becomes a path.
 */
export class Disk {
  readonly #root: string
  #receiving = 0

  private constructor(root: string) {
    this.#root = root
  }

  /**
   * Opens the folder, making it if need be, and removes what cut uploads have left in `tmp/`.
   *
   * @throws a system error if the folder cannot be written.
   */
  static async open(root: string): Promise<Disk> {
    await rm(path.join(root, 'tmp'), { recursive: true, force: true })
    for (const folder of ['tmp', 'blobs', 'buckets', 'uploads']) {
      await mkdir(path.join(root, folder), { recursive: true })
    }
    const probe = path.join(root, 'tmp', 'probe')
    await writeSynced(probe, 'written at start')
    await unlink(probe)
    return new Disk(root)
  }

  path(...names: readonly string[]): string {
    return path.join(this.#root, ...names)
  }

  blobPath(id: string): string {
    return this.path('blobs', id)
  }

  /** Receives content. When `content` throws, its temporary file is gone before this throws too. */
  async writeBlob(content: AsyncIterable<Buffer>): Promise<string> {
    if (this.#receiving >= RECEIVING_MAX) throw new S3Error('SlowDown')
    const id = randomUUID()
    const temporary = this.path('tmp', id)
    this.#receiving += 1
    try {
      await writeSynced(temporary, content)
      await rename(temporary, this.blobPath(id))
      await syncFolder(this.path('blobs'))
      return id
    } catch (error) {
      await rm(temporary, { force: true })
      throw error
    } finally {
      this.#receiving -= 1
    }
  }

  /** A second name for the same content: a copy without copying, since blobs never change. */
  async linkBlob(id: string): Promise<string> {
    const copy = randomUUID()
    await link(this.blobPath(id), this.blobPath(copy))
    await syncFolder(this.path('blobs'))
    return copy
  }

  /** Waits for the record that names the blobs; without it they are in nobody's hands and go. */
  async keepIf(blobs: readonly Blob[], recorded: Promise<void>): Promise<void> {
    try {
      await recorded
    } catch (error) {
      await this.removeBlobs(blobs)
      throw error
    }
  }

  async removeBlobs(blobs: readonly Blob[]): Promise<void> {
    for (const { id } of blobs) await rm(this.blobPath(id), { force: true })
  }

  /** Removes every blob that no record names: a crash came between the two. */
  async sweepBlobs(referenced: ReadonlySet<string>): Promise<void> {
    for (const id of await readdir(this.path('blobs'))) {
      if (!referenced.has(id)) await unlink(this.blobPath(id))
    }
  }

  async makeFolder(folder: string): Promise<void> {
    await mkdir(folder, { recursive: true })
    await syncFolder(path.dirname(folder))
  }

  /** Replaces the record as a whole: a reader after a crash finds the old one or the new one. */
  async writeRecord(file: string, record: object): Promise<void> {
    const temporary = this.path('tmp', randomUUID())
    try {
      await writeSynced(temporary, JSON.stringify(record))
      await rename(temporary, file)
    } catch (error) {
      await rm(temporary, { force: true })
      throw error
    }
    await syncFolder(path.dirname(file))
  }

  async removeRecord(file: string): Promise<void> {
    await unlink(file)
    await syncFolder(path.dirname(file))
  }

  async removeFolder(folder: string): Promise<void> {
    await rm(folder, { recursive: true, force: true })
    await syncFolder(path.dirname(folder))
  }

  /** @throws Error that names the file, if it holds no JSON or not what `parse` expects. */
  async readRecord<T>(file: string, parse: (value: unknown) => T): Promise<T> {
    try {
      return parse(JSON.parse(await readFile(file, 'utf8')))
    } catch (cause) {
      throw new Error(`The S3 record ${file} cannot be read.`, { cause })
    }
  }
}

async function writeSynced(file: string, content: string | AsyncIterable<Buffer>): Promise<void> {
  const handle = await open(file, 'wx')
  try {
    await handle.writeFile(content)
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** Makes a rename durable. Windows cannot open folders and needs no such call. */
async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
