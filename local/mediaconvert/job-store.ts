import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { JobRecord } from './job.ts'

/**
 * The jobs on the disk, one file each, replaced as a whole: a crash leaves the old or the new one.
 */
export class JobStore {
  readonly #folder: string
  readonly #turns = new Map<string, Promise<void>>()

  constructor(folder: string) {
    this.#folder = folder
  }

  /**
   * Oldest first. A damaged file is set aside: its job is then unknown, which whoever waits for it
   * is told.
   */
  async load(): Promise<JobRecord[]> {
    await mkdir(this.#folder, { recursive: true })
    const files = (await readdir(this.#folder)).filter((name) => name.endsWith('.json'))
    const jobs = await Promise.all(files.map((name) => this.#read(join(this.#folder, name))))
    return jobs.filter((job) => job !== undefined).sort((a, b) => a.createdAt - b.createdAt)
  }

  /**
   * Resolves once the job, as it was at the call, is on the disk. Saves of one job keep their
   * order.
   */
  save(job: JobRecord): Promise<void> {
    const text = JSON.stringify(job)
    const turn = (this.#turns.get(job.id) ?? Promise.resolve()).then(() =>
      this.#write(job.id, text),
    )
    const settled = turn.catch(() => {})
    this.#turns.set(job.id, settled)
    return turn.finally(() => {
      if (this.#turns.get(job.id) === settled) this.#turns.delete(job.id)
    })
  }

  async remove(id: string): Promise<void> {
    await rm(join(this.#folder, `${id}.json`), { force: true })
  }

  async #read(path: string): Promise<JobRecord | undefined> {
    const text = await readFile(path, 'utf8')
    try {
      return JSON.parse(text) as JobRecord // Written by save, whole or not at all.
    } catch {
      await rename(path, `${path}.damaged`)
      return undefined
    }
  }

  async #write(id: string, text: string): Promise<void> {
    const path = join(this.#folder, `${id}.json`)
    const handle = await open(`${path}.new`, 'w')
    try {
      await handle.writeFile(text)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(`${path}.new`, path)
  }
}
