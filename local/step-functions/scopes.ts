import type { Placed } from './definition.ts'
import type { InterpreterEvent } from './history.ts'

/**
 * Which tasks are to end when a Parallel or Map state fails: its other branches and iterations,
 * which the interpreter leaves running until their current task is done.
 *
 * A Parallel or Map inside a Map runs several times at once, and the interpreter's events do not
 * tell which of them failed: there the siblings run out.
 */
export class Scopes {
  readonly #states: ReadonlyMap<string, Placed>
  readonly #root: AbortSignal
  readonly #ended = new AbortController()
  readonly #scopes = new Map<string, AbortController>()

  constructor(states: ReadonlyMap<string, Placed>, root: AbortSignal) {
    this.#states = states
    this.#root = root
  }

  signalFor(stateName: string): AbortSignal {
    const within = this.#states.get(stateName)?.within ?? []
    const scopes = within.map((name) => this.#scope(name).signal)
    return AbortSignal.any([this.#root, this.#ended.signal, ...scopes])
  }

  follow(event: InterpreterEvent): void {
    if (event.type !== 'StateFailed' && event.type !== 'StateRetried') return
    const { name, type } = event.state
    if (type !== 'Parallel' && type !== 'Map') return
    if (this.#isInMap(name)) return
    if (event.type === 'StateFailed') this.#scope(name).abort()
    else this.#scopes.delete(name)
  }

  /** The execution is over: nothing of it goes on. */
  close(): void {
    this.#ended.abort()
  }

  #scope(name: string): AbortController {
    const scope = this.#scopes.get(name) ?? new AbortController()
    this.#scopes.set(name, scope)
    return scope
  }

  #isInMap(name: string): boolean {
    const within = this.#states.get(name)?.within ?? []
    return within.some((outer) => this.#states.get(outer)?.state.Type === 'Map')
  }
}
