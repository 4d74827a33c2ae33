import { addMs, DAY_MS, type Instant } from '../../../shared/kernel/time.ts'

/** A key signs for so long. */
export const KEY_LIFE_MS = 180 * DAY_MS
/** A key is published so long before it signs: longer than anybody caches the set. */
export const KEY_LEAD_MS = DAY_MS
/** A replaced key may still sign what has begun; then its private part is destroyed. */
export const KEY_LINGER_MS = DAY_MS

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

/** The keys that sign no more. Their public parts stay for ever: what they signed must verify. */
export const retiredKeys = <K extends Key>(keys: readonly K[], now: Instant): readonly K[] =>
  keys.filter((key) =>
    keys.some(({ activeFrom }) => activeFrom > key.activeFrom && activeFrom + KEY_LINGER_MS <= now),
  )
