import type { Principal } from '../../shared/http/caller.ts'
import { createPulse } from '../../shared/kernel/pulse.ts'

/** One try of a call, as the client saw it. */
export type Attempt = {
  /** Undefined where no answer came. */
  readonly status: number | undefined
  /** The problem's code, or why there was no answer. */
  readonly code: string | undefined
  readonly durationMs: number
}

/** Who asks: somebody at the doors, or somebody with an access token at the gateway. */
export type Caller = Principal | { readonly accessToken: string }

/** One thing that a client wanted, with every try of it. */
export type Operation = {
  /** Says who wanted it and how many things they had wanted before: the same with the same seed. */
  readonly id: string
  readonly kind: string
  readonly key: string | undefined
  readonly method: string
  readonly path: string
  readonly body: unknown
  readonly as: Caller
  readonly attempts: readonly Attempt[]
  readonly outcome: 'acknowledged' | 'refused' | 'unknown'
  readonly answer: unknown
}

/** What was asked for and what came of it. The invariants judge the hub by it. */
export type History = {
  readonly operations: readonly Operation[]
  add(operation: Operation): void
  /** What broke a promise on its own, without the end being known: a leak, a hang, a wrong refusal. */
  readonly violations: readonly string[]
  violate(sentence: string): void
  /** Resolves once so many operations have ended, or `signal` aborts. */
  reached(count: number, signal: AbortSignal): Promise<void>
}

export const createHistory = (): History => {
  const operations: Operation[] = []
  const violations: string[] = []
  const grown = createPulse()
  return {
    operations,
    violations,
    add(operation) {
      operations.push(operation)
      grown.fire()
    },
    violate: (sentence) => void violations.push(sentence),
    async reached(count, signal) {
      while (operations.length < count && !signal.aborted) await grown.wait({ signal })
    },
  }
}
