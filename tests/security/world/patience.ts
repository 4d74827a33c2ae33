import { randomUUID } from 'node:crypto'
import { type Api, Refused } from '../../../local/demo/api.ts'

/** So often a call is put again whose answer got lost on a busy machine. */
const ATTEMPTS_MAX = 8

/**
 * A client that asks again when nobody answered in time. Under one key, so that what was done after all is not done
 * twice; operations without keys are harmless to repeat.
 */
export const patient = (api: Api): Api => ({
  as: (token) => patient(api.as(token)),
  async call(contract, name, input, options) {
    const again = { idempotencyKey: randomUUID(), ...options }
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await api.call(contract, name, input, again)
      } catch (error) {
        if (attempt === ATTEMPTS_MAX || !isNobody(error)) throw error
      }
    }
  },
})

const isNobody = (error: unknown): boolean =>
  error instanceof Refused
    ? [502, 503, 504].includes(error.status)
    : error instanceof Error && ['TimeoutError', 'TypeError'].includes(error.name)
