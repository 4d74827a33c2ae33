import { createHash } from 'node:crypto'
import type { Json } from './definition.ts'
import type { JournalRecord } from './journal.ts'

export type Outcome =
  | { readonly ok: true; readonly at: number; readonly output: Json }
  | { readonly ok: false; readonly at: number; readonly error: string; readonly cause: string }

/**
 * What the journal knows of the tasks of one execution.
 *
 * A visit of a Task state is named by the state, a hash of its input and a counter: the interpreter
 * does not tell which iteration of a Map calls, and iterations run in any order. Two visits with
 * the same name and input may take each other's results, which no state can tell apart.
 */
export class Replay {
  readonly #outcomes = new Map<string, Outcome>()
  readonly #scheduledAt = new Map<string, number>()
  readonly #jobs = new Map<string, string>()
  readonly #visits = new Map<string, number>()

  constructor(records: readonly JournalRecord[]) {
    for (const record of records) this.#read(record)
  }

  visit(stateName: string, input: Json): string {
    const digest = createHash('sha256').update(JSON.stringify(input)).digest('hex').slice(0, 32)
    const place = `${stateName}#${digest}`
    const visit = this.#visits.get(place) ?? 0
    this.#visits.set(place, visit + 1)
    return `${place}#${visit}`
  }

  outcome = (key: string, attempt: number): Outcome | undefined =>
    this.#outcomes.get(`${key}#${attempt}`)

  scheduledAt = (key: string, attempt: number): number | undefined =>
    this.#scheduledAt.get(`${key}#${attempt}`)

  jobId = (key: string, attempt: number): string | undefined => this.#jobs.get(`${key}#${attempt}`)

  #read(record: JournalRecord): void {
    if (record.kind === 'scheduled') {
      this.#scheduledAt.set(`${record.key}#${record.attempt}`, record.at)
    } else if (record.kind === 'job') {
      this.#jobs.set(`${record.key}#${record.attempt}`, record.jobId)
    } else if (record.kind === 'succeeded') {
      const output = record.output as Json // Journalled from JSON.
      this.#outcomes.set(`${record.key}#${record.attempt}`, { ok: true, at: record.at, output })
    } else if (record.kind === 'failed') {
      const { at, error, cause } = record
      this.#outcomes.set(`${record.key}#${record.attempt}`, { ok: false, at, error, cause })
    }
  }
}
