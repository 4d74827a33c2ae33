import type { Json } from './definition.ts'
import { ServiceException } from './errors.ts'

type Answer = { readonly output: Json } | { readonly error: string; readonly cause: string }
type Waiting = {
  readonly heartbeatMs: number | undefined
  readonly settle: (answer: Answer) => void
  readonly recorded: PromiseWithResolvers<void>
  isAnswered: boolean
  timer: NodeJS.Timeout | undefined
}
type Place = { readonly key: string; readonly number: number }

/**
 * The callbacks that `.waitForTaskToken` tasks wait for. A token names its attempt, so a restart
 * opens it anew.
 */
export class Tokens {
  readonly #waiting = new Map<string, Waiting>()

  open(
    executionArn: string,
    { key, number, signal }: Place & { signal: AbortSignal },
    heartbeatSeconds: number | undefined,
  ): { token: string; answered: Promise<Answer> } {
    const token = tokenOf(executionArn, { key, number })
    const { promise, resolve } = Promise.withResolvers<Answer>()
    const heartbeatMs = heartbeatSeconds === undefined ? undefined : heartbeatSeconds * 1_000
    const waiting: Waiting = {
      heartbeatMs,
      settle: resolve,
      recorded: Promise.withResolvers<void>(),
      isAnswered: false,
      timer: undefined,
    }
    this.#waiting.set(token, waiting)
    this.#listen(waiting)
    // The attempt looks at its signal before it takes the answer.
    signal.addEventListener('abort', () => resolve({ output: null }), { once: true })
    return { token, answered: promise }
  }

  /** The attempt is over and in the journal: whoever answered it may be told so. */
  close(executionArn: string, place: Place): void {
    const token = tokenOf(executionArn, place)
    const waiting = this.#waiting.get(token)
    clearTimeout(waiting?.timer)
    this.#waiting.delete(token)
    waiting?.recorded.resolve()
  }

  /**
   * Hands a task its result and resolves once that is in the journal.
   *
   * @throws TaskTimedOut if nobody waits for this token (any more).
   */
  async answer(token: string, answer: Answer): Promise<void> {
    const waiting = this.#find(token)
    waiting.isAnswered = true
    clearTimeout(waiting.timer)
    waiting.settle(answer)
    await waiting.recorded.promise
  }

  heartbeat(token: string): void {
    this.#listen(this.#find(token))
  }

  #find(token: string): Waiting {
    const waiting = this.#waiting.get(token)
    if (waiting !== undefined && !waiting.isAnswered) return waiting
    throw new ServiceException('TaskTimedOut', 'No task waits for this token.')
  }

  #listen(waiting: Waiting): void {
    clearTimeout(waiting.timer)
    if (waiting.heartbeatMs === undefined) return
    const error = 'States.HeartbeatTimeout'
    const cause = `no heartbeat within ${waiting.heartbeatMs / 1_000} s`
    waiting.timer = setTimeout(() => waiting.settle({ error, cause }), waiting.heartbeatMs)
  }
}

const tokenOf = (executionArn: string, { key, number }: Place): string =>
  Buffer.from(JSON.stringify([executionArn, key, number])).toString('base64url')
