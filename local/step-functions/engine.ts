import { mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type Clock, DAY_MS } from '../../shared/kernel/time.ts'
import type { Json } from './definition.ts'
import { ServiceException } from './errors.ts'
import { type Playing, play } from './execution.ts'
import type { HistoryEvent } from './history.ts'
import {
  type Ended,
  type EndedStatus,
  type Journal,
  type JournalRecord,
  openJournal,
  readJournal,
  removeJournal,
  setAside,
} from './journal.ts'
import type { Machine } from './machine.ts'
import type { InvokeLambda, JobPort } from './ports.ts'
import { PAYLOAD_BYTES_MAX } from './tasks.ts'
import { Tokens } from './tokens.ts'

/** Executions that run at the same time; further ones wait their turn. */
export const EXECUTIONS_RUNNING_MAX = 50
/** Executions that wait; one more is refused. */
export const EXECUTIONS_WAITING_MAX = 10_000
/** How long AWS shows an ended execution. */
export const ENDED_KEPT_MS = 90 * DAY_MS

/** An execution as the lists show it; inputs and outputs stay on the disk. */
export type Summary = {
  readonly arn: string
  readonly name: string
  readonly machineArn: string
  readonly startedAt: number
  status: 'RUNNING' | EndedStatus
  stoppedAt?: number
}

export type Details = Summary & {
  readonly input: string
  readonly output?: string
  readonly error?: string
  readonly cause?: string
}

export type EngineOptions = {
  readonly dataDir: string
  readonly machines: readonly Machine[]
  readonly invokeLambda: InvokeLambda
  readonly jobs: JobPort
  readonly clock: Clock
}

type Opened = { readonly summary: Summary; readonly journal: Journal; readonly input: string }
type Waiting = Opened & { readonly machine: Machine; readonly records: JournalRecord[] }

/** Every execution of every machine: started once, played from its journal, never lost. */
export class Engine {
  readonly tokens = new Tokens()
  readonly #options: EngineOptions
  readonly #machines: ReadonlyMap<string, Machine>
  readonly #executions = new Map<string, Summary>()
  readonly #starting = new Map<string, Promise<unknown>>()
  readonly #playing = new Map<string, { playing: Playing; over: Promise<void> }>()
  readonly #waiting = new Map<string, Waiting>()
  // Ended by a fault of the disk: the journal could not take the end.
  readonly #lost = new Map<string, Ended>()
  #isClosed = false

  constructor(options: EngineOptions) {
    this.#options = options
    this.#machines = new Map(options.machines.map((machine) => [machine.arn, machine]))
  }

  /** Reads every journal and goes on with what had not ended. */
  async resume(): Promise<void> {
    await mkdir(this.#options.dataDir, { recursive: true })
    const folders = await readdir(this.#options.dataDir, { withFileTypes: true })
    for (const folder of folders.filter((entry) => entry.isDirectory())) {
      const files = await readdir(join(this.#options.dataDir, folder.name))
      for (const file of files.filter((name) => name.endsWith(JOURNAL_SUFFIX))) {
        await this.#resumeOne(folder.name, file)
      }
    }
    this.#playNext()
  }

  machines = (): readonly Machine[] => this.#options.machines

  machine(arn: string): Machine {
    const machine = this.#machines.get(arn)
    if (machine !== undefined) return machine
    throw new ServiceException('StateMachineDoesNotExist', `State machine ${arn} does not exist.`)
  }

  /** @throws ExecutionAlreadyExists unless the same name with the same input is still running. */
  async start(machineArn: string, name: string, input: string): Promise<Summary> {
    const machine = this.machine(machineArn)
    const arn = executionArn(machine, name)
    // Two starts of one name take turns: the second sees what the first has made.
    const turn = (this.#starting.get(arn) ?? Promise.resolve()).then(() =>
      this.#startOnce(machine, arn, name, input),
    )
    const settled = turn.catch(() => {})
    this.#starting.set(arn, settled)
    return turn.finally(() => {
      if (this.#starting.get(arn) === settled) this.#starting.delete(arn)
    })
  }

  async stop(arn: string, failure: { error?: string; cause?: string }): Promise<Summary> {
    const summary = this.#summary(arn)
    const waiting = this.#waiting.get(arn)
    if (waiting !== undefined) {
      this.#waiting.delete(arn)
      const ended: Ended = {
        kind: 'ended',
        at: this.#options.clock(),
        status: 'ABORTED',
        ...failure,
      }
      await waiting.journal.append(ended, true)
      await waiting.journal.close()
      close(summary, ended)
    }
    const running = this.#playing.get(arn)
    running?.playing.stop(failure)
    await running?.over
    return summary
  }

  async describe(arn: string): Promise<Details> {
    // As it is now: an end that comes while the journal is read would be shown without its output.
    const summary = { ...this.#summary(arn) }
    const { records } = await readJournal(this.#path(summary))
    const started = records.find((record) => record.kind === 'started')
    const ended = this.#lost.get(arn) ?? records.find((record) => record.kind === 'ended')
    const input = started?.kind === 'started' ? started.input : ''
    if (summary.status === 'RUNNING' || ended?.kind !== 'ended') return { ...summary, input }
    const { output, error, cause } = ended
    return {
      ...summary,
      input,
      ...(output === undefined ? {} : { output }),
      ...(error === undefined ? {} : { error }),
      ...(cause === undefined ? {} : { cause }),
    }
  }

  async history(arn: string): Promise<readonly HistoryEvent[]> {
    const running = this.#playing.get(arn)
    if (running !== undefined) return running.playing.history.events
    const { records } = await readJournal(this.#path(this.#summary(arn)))
    return records.flatMap((record) => (record.kind === 'history' ? [record.event] : []))
  }

  /** Newest first. */
  list(machineArn: string, status: string | undefined): Summary[] {
    this.machine(machineArn)
    return [...this.#executions.values()]
      .filter((summary) => summary.machineArn === machineArn)
      .filter((summary) => status === undefined || summary.status === status)
      .sort((a, b) => b.startedAt - a.startedAt || (a.arn < b.arn ? -1 : 1))
  }

  /** Leaves every execution where it is: the next start goes on. */
  async close(): Promise<void> {
    this.#isClosed = true
    for (const { journal } of this.#waiting.values()) await journal.close()
    this.#waiting.clear()
    const playing = [...this.#playing.values()]
    for (const running of playing) running.playing.leave()
    await Promise.all(playing.map(({ over }) => over))
  }

  async #startOnce(machine: Machine, arn: string, name: string, input: string): Promise<Summary> {
    if (this.#isClosed) throw new ServiceException('ServiceUnavailable', 'Shutting down.', 503)
    const known = this.#executions.get(arn)
    if (known !== undefined) return this.#sameExecution(known, input)
    if (this.#waiting.size >= EXECUTIONS_WAITING_MAX) {
      throw new ServiceException('ExecutionLimitExceeded', 'Too many executions are waiting.')
    }
    const startedAt = this.#options.clock()
    const summary: Summary = { arn, name, machineArn: machine.arn, startedAt, status: 'RUNNING' }
    await mkdir(join(this.#options.dataDir, machine.name), { recursive: true })
    const journal = await openJournal(this.#path(summary))
    const started = startedRecord(summary, input)
    try {
      await journal.append(started, true)
    } catch (error) {
      await journal.close()
      throw error
    }
    this.#executions.set(arn, summary)
    this.#waiting.set(arn, { summary, journal, input, machine, records: [started] })
    this.#playNext()
    return summary
  }

  async #sameExecution(known: Summary, input: string): Promise<Summary> {
    if (known.status === 'RUNNING' && (await this.describe(known.arn)).input === input) return known
    throw new ServiceException('ExecutionAlreadyExists', `Execution ${known.arn} already exists.`)
  }

  #playNext(): void {
    for (const [arn, waiting] of this.#waiting) {
      if (this.#isClosed || this.#playing.size >= EXECUTIONS_RUNNING_MAX) return
      this.#waiting.delete(arn)
      const { clock, invokeLambda, jobs } = this.#options
      const { machine, records, journal } = waiting
      const tokens = this.tokens
      const playing = play({ arn, machine, records, journal, clock, invokeLambda, jobs, tokens })
      const over = this.#finish(waiting, playing)
      this.#playing.set(arn, { playing, over })
    }
  }

  async #finish({ summary, journal }: Opened, playing: Playing): Promise<void> {
    try {
      const ended = await playing.ended
      if (ended !== undefined) close(summary, ended)
    } catch (error) {
      const cause = error instanceof Error ? error.message : String(error)
      const at = this.#options.clock()
      const ended: Ended = { kind: 'ended', at, status: 'FAILED', error: 'States.Runtime', cause }
      this.#lost.set(summary.arn, ended)
      close(summary, ended)
    } finally {
      await journal.close().catch(() => {})
      this.#playing.delete(summary.arn)
      this.#playNext()
    }
  }

  async #resumeOne(machineName: string, file: string): Promise<void> {
    const path = join(this.#options.dataDir, machineName, file)
    const { records, damage, bytesWhole } = await readJournal(path)
    const started = records.find((record) => record.kind === 'started')
    // Cut off before its beginning was acknowledged to anybody: it never was.
    if (started === undefined && bytesWhole === 0) return removeJournal(path)
    const name = decodeURIComponent(file.slice(0, -JOURNAL_SUFFIX.length))
    const known = this.#options.machines.find((machine) => machine.name === machineName)
    const machineArn = started?.machineArn ?? known?.arn ?? machineName
    const machine = this.#machines.get(machineArn)
    const summary: Summary = {
      arn: executionArn({ arn: machineArn }, name),
      name,
      machineArn,
      startedAt: started?.at ?? this.#options.clock(),
      status: 'RUNNING',
    }
    if (damage !== undefined) {
      return this.#failBroken(path, summary, started?.input ?? 'null', damage)
    }
    const ended = records.find((record) => record.kind === 'ended')
    if (ended !== undefined) return this.#keepEnded(path, summary, ended)
    this.#executions.set(summary.arn, summary)
    const journal = await openJournal(path, bytesWhole)
    const input = started?.input ?? 'null'
    if (machine !== undefined) {
      this.#waiting.set(summary.arn, { summary, journal, input, machine, records: [...records] })
      return
    }
    await this.#fail(journal, summary, 'Its state machine is no longer deployed.')
  }

  async #keepEnded(path: string, summary: Summary, ended: Ended): Promise<void> {
    if (ended.at < this.#options.clock() - ENDED_KEPT_MS) return removeJournal(path)
    close(summary, ended)
    this.#executions.set(summary.arn, summary)
  }

  async #failBroken(path: string, summary: Summary, input: string, damage: string): Promise<void> {
    await setAside(path)
    this.#executions.set(summary.arn, summary)
    const journal = await openJournal(path)
    await journal.append(startedRecord(summary, input), true)
    await this.#fail(journal, summary, `The journal of this execution is damaged: ${damage}.`)
  }

  async #fail(journal: Journal, summary: Summary, cause: string): Promise<void> {
    const at = this.#options.clock()
    const ended: Ended = { kind: 'ended', at, status: 'FAILED', error: 'States.Runtime', cause }
    await journal.append(ended, true)
    await journal.close()
    close(summary, ended)
  }

  #summary(arn: string): Summary {
    const summary = this.#executions.get(arn)
    if (summary !== undefined) return summary
    throw new ServiceException('ExecutionDoesNotExist', `Execution ${arn} does not exist.`)
  }

  #path({ machineArn, name }: Summary): string {
    const machineName = machineArn.split(':').at(-1) ?? machineArn
    return join(this.#options.dataDir, machineName, encodeURIComponent(name) + JOURNAL_SUFFIX)
  }
}

const JOURNAL_SUFFIX = '.jsonl'

/** @throws InvalidExecutionInput unless the input is JSON of at most 256 KB. */
export function checkedInput(input: string): string {
  if (Buffer.byteLength(input) > PAYLOAD_BYTES_MAX) {
    throw new ServiceException('ValidationException', 'The input is larger than 256 KB.')
  }
  try {
    JSON.parse(input) as Json
    return input
  } catch {
    throw new ServiceException('InvalidExecutionInput', 'The input is not JSON.')
  }
}

const executionArn = (machine: { arn: string }, name: string): string =>
  `${machine.arn.replace(':stateMachine:', ':execution:')}:${name}`

function startedRecord({ startedAt, name, machineArn }: Summary, input: string) {
  return { kind: 'started', at: startedAt, name, machineArn, input } as const
}

function close(summary: Summary, ended: Ended): void {
  summary.status = ended.status
  summary.stoppedAt = ended.at
}
