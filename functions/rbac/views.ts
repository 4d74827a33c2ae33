import { toIso, toIsoOrNull } from '../../shared/kernel/time.ts'
import type { Held } from './domain.ts'

// What the contract's answers are made of.

export const show = (grant: Held) => ({
  ...grant,
  createdAt: toIso(grant.createdAt),
  expiresAt: toIsoOrNull(grant.expiresAt),
})
