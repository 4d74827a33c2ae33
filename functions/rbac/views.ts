import { type Instant, toIso } from '../../shared/kernel/time.ts'
import type { Held } from './domain.ts'

// What the contract's answers are made of.

export const isoOrNull = (instant: Instant | null): string | null =>
  instant === null ? null : toIso(instant)

export const show = (grant: Held) => ({
  ...grant,
  createdAt: toIso(grant.createdAt),
  expiresAt: isoOrNull(grant.expiresAt),
})
