import type { StateMachine } from 'aws-local-stepfunctions'
import type { Json } from './definition.ts'

/** An entry of GetExecutionHistory; `timestamp` is Unix seconds, details carry AWS's own names. */
export type HistoryEvent = {
  readonly id: number
  readonly previousEventId: number
  readonly timestamp: number
  readonly type: string
  readonly [details: `${string}Details`]: Record<string, unknown>
}

/** What happened, before it is numbered. */
export type Happening = { readonly type: string; readonly details?: Record<string, unknown> }

export type InterpreterEvent =
  ReturnType<StateMachine['run']>['eventLogs'] extends AsyncGenerator<infer E> ? E : never

/** AWS ends an execution whose history grows longer. */
export const HISTORY_EVENTS_MAX = 25_000

/** Translates what the interpreter tells; undefined for what AWS's history does not hold. */
export function happeningOf(
  event: InterpreterEvent,
  typeOf: (stateName: string) => string,
): Happening | undefined {
  switch (event.type) {
    case 'StateEntered':
      return {
        type: `${typeOf(event.state.name)}StateEntered`,
        details: { name: event.state.name, input: text(event.state.input) },
      }
    case 'StateExited':
      return {
        type: `${typeOf(event.state.name)}StateExited`,
        details: { name: event.state.name, output: text(event.state.output ?? null) },
      }
    case 'MapIterationStarted':
    case 'MapIterationSucceeded':
    case 'MapIterationFailed':
      return { type: event.type, details: { name: event.parentState.name, index: event.index } }
    default:
      return undefined
  }
}

/** The name under which an event of this type carries its details. */
export function detailsField(type: string): `${string}Details` {
  if (type.endsWith('StateEntered')) return 'stateEnteredEventDetails'
  if (type.endsWith('StateExited')) return 'stateExitedEventDetails'
  return `${type.slice(0, 1).toLowerCase()}${type.slice(1)}EventDetails`
}

const text = (value: Json | unknown): string => JSON.stringify(value)

/**
 * The numbered events of one execution. A resumed execution lives through its past again: an event
 * that the journal already holds is taken from the recorded ones instead of being written a second
 * time.
 */
export class History {
  readonly events: HistoryEvent[]
  readonly #recorded = new Map<string, number>()
  readonly #now: () => number
  readonly #write: (event: HistoryEvent) => void

  constructor(
    recorded: readonly HistoryEvent[],
    now: () => number,
    write: (event: HistoryEvent) => void,
  ) {
    this.events = [...recorded]
    this.#now = now
    this.#write = write
    for (const event of recorded) {
      const key = sameness(event.type, event[detailsField(event.type)])
      this.#recorded.set(key, (this.#recorded.get(key) ?? 0) + 1)
    }
  }

  add({ type, details }: Happening): void {
    const key = sameness(type, details)
    const recorded = this.#recorded.get(key) ?? 0
    if (recorded > 0) {
      this.#recorded.set(key, recorded - 1)
      return
    }
    const event: HistoryEvent = {
      id: this.events.length + 1,
      previousEventId: this.events.length,
      timestamp: this.#now() / 1_000,
      type,
      ...(details === undefined ? {} : { [detailsField(type)]: details }),
    }
    this.events.push(event)
    this.#write(event)
  }
}

const sameness = (type: string, details: Record<string, unknown> | undefined): string =>
  JSON.stringify([type, details])
