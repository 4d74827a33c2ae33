import type { KeyRotation } from '../../../shared/kernel/key-rotation.ts'
import { DAY_MS } from '../../../shared/kernel/time.ts'

/**
 * A replaced key may still sign what has begun; then its private part is destroyed. Its public part stays for ever:
 * what it signed must verify.
 */
export const KEY_ROTATION: KeyRotation = {
  lifeMs: 180 * DAY_MS,
  leadMs: DAY_MS,
  lingerMs: DAY_MS,
}
