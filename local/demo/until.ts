import { setTimeout as delay } from 'node:timers/promises'

const POLL_MS = 100
const TIMEOUT_MS = 60_000

/**
 * Asks again until there is an answer: what travels by events is there within moments.
 *
 * @throws an Error naming what was waited for in vain; whatever `ask` throws ends the wait at once.
 */
export const until = async <Answer>(
  what: string,
  ask: () => Promise<Answer | undefined>,
  { timeoutMs = TIMEOUT_MS }: { timeoutMs?: number } = {},
): Promise<Answer> => {
  const deadline = performance.now() + timeoutMs
  while (performance.now() < deadline) {
    const answer = await ask()
    if (answer !== undefined) return answer
    await delay(POLL_MS)
  }
  throw new Error(`Waited ${timeoutMs / 1_000} s for ${what} in vain.`)
}
