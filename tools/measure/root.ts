import { fileURLToPath } from 'node:url'

/** Of this checkout, without a slash at its end. */
export const root = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '')
