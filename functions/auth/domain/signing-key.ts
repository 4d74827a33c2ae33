import type { KeyRotation } from '../../../shared/kernel/key-rotation.ts'
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../../shared/kernel/time.ts'

/** How long an access token is good. */
export const ACCESS_TOKEN_MS = 15 * MINUTE_MS

/** A replaced key stays published until its last token has expired, with slack for clocks. */
export const KEY_ROTATION: KeyRotation = {
  lifeMs: 30 * DAY_MS,
  leadMs: DAY_MS,
  lingerMs: ACCESS_TOKEN_MS + HOUR_MS,
}

/** How long the set may be cached: far shorter than the lead of a coming key. */
export const JWKS_CACHE_SECONDS = 300
