import { type CryptoKey, importJWK, type JWK } from 'jose'
import {
  type Clock,
  HOUR_MS,
  type Instant,
  MINUTE_MS,
  SECOND_MS,
} from '../../shared/kernel/time.ts'
import { describeError, type Log } from '../../shared/observe/logger.ts'
import { identityUnavailable } from './errors.ts'

/** How often keys are read again, so that a withdrawn one stops counting. */
export const KEYS_REFRESH_MS = 5 * MINUTE_MS
/** Unknown key ids buy at most one question to auth in this time, however many ask. */
export const KEYS_REFRESH_MS_MIN = 5 * SECOND_MS
/** How long the keys last read count while auth is away. */
export const KEYS_STALE_MS_MAX = 24 * HOUR_MS
export const KEYS_MAX = 20

/** The public keys of the access tokens. */
export type KeySet = {
  /**
   * The key of an id; undefined when auth does not know it.
   *
   * @throws Refusal 503 when nobody can tell.
   */
  keyOf(keyId: string): Promise<CryptoKey | undefined>
  /** Grows whenever the keys change: what was verified under another generation is verified again. */
  generation(): number
  isLoaded(): boolean
  refresh(): Promise<void>
}

export const createKeySet = ({
  fetchKeys,
  clock,
  log,
}: {
  fetchKeys: () => Promise<readonly JWK[]>
  clock: Clock
  log: Log
}): KeySet => {
  let keys: ReadonlyMap<string, CryptoKey> = new Map()
  let fingerprint = ''
  let generation = 0
  let loadedAt: Instant | undefined
  let askedAt = Number.NEGATIVE_INFINITY
  let isLastAnswerGood = false
  let asking: Promise<void> | undefined

  const ask = async () => {
    askedAt = clock()
    try {
      const jwks = await fetchKeys()
      const imported = await importAll(jwks)
      const next = JSON.stringify(jwks)
      if (next !== fingerprint) generation += 1
      fingerprint = next
      keys = imported
      loadedAt = clock()
      isLastAnswerGood = true
    } catch (error) {
      isLastAnswerGood = false
      log.warn('keys not refreshed', describeError(error))
    }
  }
  // One question at a time, and all who want an answer share it.
  const refresh = () => {
    asking ??= ask().finally(() => {
      asking = undefined
    })
    return asking
  }
  const mayAsk = () => asking !== undefined || clock() - askedAt >= KEYS_REFRESH_MS_MIN

  return {
    refresh,
    generation: () => generation,
    isLoaded: () => loadedAt !== undefined,
    async keyOf(keyId) {
      const isOld = loadedAt === undefined || clock() - loadedAt > KEYS_STALE_MS_MAX
      const known = isOld ? undefined : keys.get(keyId)
      if (known) return known
      if (mayAsk()) await refresh()
      const found = keys.get(keyId)
      if (found && isLastAnswerGood) return found
      if (!isLastAnswerGood) throw identityUnavailable()
      return undefined
    },
  }
}

const importAll = async (jwks: readonly JWK[]): Promise<ReadonlyMap<string, CryptoKey>> => {
  const usable = jwks
    .slice(0, KEYS_MAX)
    .filter(({ kty, alg, use }) => kty === 'RSA' && (alg ?? 'RS256') === 'RS256' && use !== 'enc')
  const entries = await Promise.all(
    usable.map(async (jwk): Promise<[string, CryptoKey]> => {
      // An RSA key is never a byte array, the other thing that importJWK gives.
      const key = (await importJWK(jwk, 'RS256')) as CryptoKey
      return [jwk.kid ?? '', key]
    }),
  )
  return new Map(entries)
}
