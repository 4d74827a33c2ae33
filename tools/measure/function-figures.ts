import * as z from 'zod'
import { InputError, lineOfPath, parseJson } from './input-error.ts'
import { readText } from './read-text.ts'

/** Lambda ends every call after a quarter of an hour. */
const ms = z.number().nonnegative().max(900_000)
/** Calls of a year at a thousand a second. */
const INVOCATIONS_MAX = 30_000_000_000
/** A call commits its events in one transaction, which is no place for more. */
const EVENTS_MAX = 1_000

/** AWS counts the end of a call that was cut off too: such a call takes a little longer than it may. */
const TIMEOUT_TOLERANCE = 1.05

const durationSchema = z
  .strictObject({ mean: ms, p50: ms, p95: ms, p99: ms })
  .refine(({ p50, p95 }) => p50 <= p95, { path: ['p95'], message: 'below p50' })
  .refine(({ p95, p99 }) => p95 <= p99, { path: ['p99'], message: 'below p95' })
const initSchema = z
  .strictObject({ p50: ms, p95: ms })
  .refine(({ p50, p95 }) => p50 <= p95, { path: ['p95'], message: 'below p50' })

/** What one function was seen to do. */
const figuresSchema = z.strictObject({
  invocations: z.int().positive().max(INVOCATIONS_MAX),
  durationMs: durationSchema,
  /** Null where no import was seen: the environment was warm. */
  initMs: initSchema.nullable(),
  /** Null on one machine: a thread's share of its process cannot be told. */
  maxMemoryMb: z.number().positive().nullable(),
  /** Domain events that one invocation writes to the outbox, on average. */
  eventsPerInvocation: z.number().nonnegative().max(EVENTS_MAX),
})

export type FunctionFigures = z.output<typeof figuresSchema>

const measurementSchema = z.strictObject({
  measuredAt: z.iso.datetime(),
  command: z.string().min(1),
  machine: z.string().min(1),
  /** By key in serverless.yml. */
  functions: z.record(z.string(), figuresSchema),
})

/** The shape of docs/measurements/functions.json. */
export type Measurement = z.output<typeof measurementSchema>

/**
 * Reads durations from a file of that shape.
 *
 * @param keys the functions of the packaged template; one that the file names beside them is refused.
 * @param timeouts seconds that each may run; no call can have taken longer.
 * @throws InputError with file and line.
 */
export const readMeasurement = async (
  file: string,
  keys: ReadonlySet<string>,
  timeouts: ReadonlyMap<string, number> = new Map(),
): Promise<Measurement> => {
  const text = await readText(file, '; run npm run measure to make one')
  const result = measurementSchema.safeParse(parseJson(text, file))
  if (!result.success) {
    const [issue] = result.error.issues
    const path = issue?.path ?? []
    throw new InputError(
      { file, line: lineOfPath(text, path) },
      `${path.join('.') || 'the file'}: ${issue?.message}`,
    )
  }
  const refuse = (path: readonly string[], reason: string): never => {
    throw new InputError({ file, line: lineOfPath(text, path) }, reason)
  }
  for (const [key, { durationMs }] of Object.entries(result.data.functions)) {
    if (!keys.has(key)) refuse(['functions', key], `${key} is no function of the packaged template`)
    const fault = overTimeout(durationMs, timeouts.get(key))
    if (fault) refuse(['functions', key, 'durationMs', fault.name], `${key}: ${fault.reason}`)
  }
  return result.data
}

/** The first duration that is longer than a function may run. */
export const overTimeout = (
  durationMs: FunctionFigures['durationMs'],
  timeoutSeconds = Number.POSITIVE_INFINITY,
): { readonly name: string; readonly reason: string } | undefined => {
  const [name, value] =
    Object.entries(durationMs).find(
      ([, one]) => one > timeoutSeconds * 1_000 * TIMEOUT_TOLERANCE,
    ) ?? []
  return name === undefined
    ? undefined
    : { name, reason: `${name} is ${value} ms, and its timeout is ${timeoutSeconds} s` }
}
