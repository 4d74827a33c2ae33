import * as z from 'zod'
import { type Environment, loadConfig } from '../config/load.ts'

/**
 * Whether a trace writes its routine lines, those that say no more than that a call went well. Every function decides
 * alike, so of one trace all of these stand in the log or none. Warnings, errors and refusals are never asked about.
 */
export type Sampling = (traceId: string) => boolean

/** Every trace is logged. */
export const everyTrace: Sampling = () => true

/** The last digits of a trace id are random in W3C's ids and in X-Ray's; the first of X-Ray's are the time. */
const RANDOM_DIGITS = 13
const RANDOM_MAX = 16 ** RANDOM_DIGITS

/** @param share of all traces that are logged, 0 to 1 */
export const sampling =
  (share: number): Sampling =>
  (traceId) =>
    share >= 1 || Number.parseInt(traceId.slice(-RANDOM_DIGITS), 16) / RANDOM_MAX < share

const configSchema = z.object({
  /** Which share of all traces writes its routine lines: all, where nothing is said. */
  LOG_SHARE: z
    .string()
    .regex(/^(0(\.\d{1,6})?|1)$/, 'is a number from 0 to 1')
    .transform(Number)
    .default(1),
})

/** The share of all traces that `LOG_SHARE` asks for. @throws an Error that names it if it is no share */
export const logShareOf = (environment: Environment): number =>
  loadConfig(configSchema, environment).LOG_SHARE

/** As `LOG_SHARE` says. @throws as {@link logShareOf} does */
export const samplingOf = (environment: Environment): Sampling => sampling(logShareOf(environment))
