import { addMs, type Instant } from './time.ts'

/** How the keys of one set follow each other, in milliseconds. */
export type KeyRotation = {
  /** How long a key signs. */
  readonly lifeMs: number
  /** How long before it signs a key is published: longer than anybody caches the set. */
  readonly leadMs: number
  /** How long a replaced key is kept: what was begun or signed with it may still need it. */
  readonly lingerMs: number
}

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
export const nextKeyFrom = (
  keys: readonly Key[],
  { lifeMs, leadMs }: KeyRotation,
  now: Instant,
): Instant | undefined => {
  const current = signingKeyAt(keys, now)
  if (!current) return now
  if (keys.some(({ activeFrom }) => activeFrom > now)) return undefined
  const isDue = now - current.activeFrom >= lifeMs - leadMs
  return isDue ? addMs(now, leadMs) : undefined
}

/** The keys that were replaced longer ago than they linger. */
export const retiredKeys = <K extends Key>(
  keys: readonly K[],
  { lingerMs }: KeyRotation,
  now: Instant,
): readonly K[] =>
  keys.filter((key) =>
    keys.some(({ activeFrom }) => activeFrom > key.activeFrom && activeFrom + lingerMs <= now),
  )
