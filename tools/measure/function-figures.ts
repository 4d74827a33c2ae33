import * as z from 'zod'
import { InputError, lineOfPath, parseJson } from './input-error.ts'
import { readText } from './read-text.ts'

const ms = z.number().nonnegative()

/** What one function was seen to do. */
const figuresSchema = z.strictObject({
  invocations: z.int().positive(),
  durationMs: z.strictObject({ mean: ms, p50: ms, p95: ms, p99: ms }),
  /** Null where no import was seen: the environment was warm. */
  initMs: z.strictObject({ p50: ms, p95: ms }).nullable(),
  /** Null on one machine: a thread's share of its process cannot be told. */
  maxMemoryMb: z.number().positive().nullable(),
  /** Domain events that one invocation writes to the outbox, on average. */
  eventsPerInvocation: z.number().nonnegative(),
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
 * @throws InputError with file and line.
 */
export const readMeasurement = async (
  file: string,
  keys: ReadonlySet<string>,
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
  for (const key of Object.keys(result.data.functions))
    if (!keys.has(key))
      throw new InputError(
        { file, line: lineOfPath(text, ['functions', key]) },
        `${key} is no function of the packaged template`,
      )
  return result.data
}
