import { addMs, DAY_MS, HOUR_MS, type Instant, MINUTE_MS } from '../../../shared/kernel/time.ts'

export const ACCESS_TOKEN_MS = 15 * MINUTE_MS

/** A key signs for so long. */
export const KEY_LIFE_MS = 30 * DAY_MS
/** A key is published so long before it signs: longer than anybody caches the set. */
export const KEY_LEAD_MS = DAY_MS
/** A replaced key is published until its last token has expired, with slack for clocks. */
export const KEY_LINGER_MS = ACCESS_TOKEN_MS + HOUR_MS
/** How long the set may be cached. */
export const JWKS_CACHE_SECONDS = 300

type Key = { readonly activeFrom: Instant }

/** The key that signs now: the youngest of those in force. */
export const signingKeyAt = <K extends Key>(keys: readonly K[], now: Instant): K | undefined =>
  keys
    .filter(({ activeFrom }) => activeFrom <= now)
    .reduce<K | undefined>(
      (youngest, key) => (youngest && youngest.activeFrom >= key.activeFrom ? youngest : key),
      undefined,
    )

/** When a key made now should begin to sign; undefined while none is needed. */
export const nextKeyFrom = (keys: readonly Key[], now: Instant): Instant | undefined => {
  const current = signingKeyAt(keys, now)
  if (!current) return now
  if (keys.some(({ activeFrom }) => activeFrom > now)) return undefined
  const isDue = now - current.activeFrom >= KEY_LIFE_MS - KEY_LEAD_MS
  return isDue ? addMs(now, KEY_LEAD_MS) : undefined
}

/** The keys that no token in use can name any more. */
export const retiredKeys = <K extends Key>(keys: readonly K[], now: Instant): readonly K[] =>
  keys.filter((key) =>
    keys.some(({ activeFrom }) => activeFrom > key.activeFrom && activeFrom + KEY_LINGER_MS <= now),
  )
