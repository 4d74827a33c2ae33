import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import * as z from 'zod'
import { readYaml } from './yaml.ts'

const MEASUREMENT_FILE = fileURLToPath(
  new URL('../../../docs/measurements/functions.json', import.meta.url),
)

const ms = z.number().min(0)

/** What `npm run measure` writes: how the functions really behave, on a named machine. */
export const measurementsSchema = z.strictObject({
  measuredAt: z.iso.datetime({ offset: true }),
  command: z.string(),
  machine: z.string(),
  functions: z.record(
    z.string(),
    z.strictObject({
      invocations: z.number().int().min(1),
      durationMs: z.strictObject({ mean: ms, p50: ms, p95: ms, p99: ms }),
      /** Null where every call met a warm environment. */
      initMs: z.strictObject({ p50: ms, p95: ms }).nullable(),
      maxMemoryMb: z.number().positive().nullable(),
      eventsPerInvocation: z.number().min(0),
    }),
  ),
})

export type Measurements = z.output<typeof measurementsSchema>

/**
 * Nothing if nothing has been measured yet: then the assumptions stand, and are named.
 *
 * @param path of a file that somebody named, and that has to be there.
 */
export const readMeasurements = async (path?: string): Promise<Measurements | undefined> => {
  if (path === undefined && !existsSync(MEASUREMENT_FILE)) return undefined
  const measurements = await readYaml(path ?? MEASUREMENT_FILE, measurementsSchema)
  return Object.keys(measurements.functions).length === 0 ? undefined : measurements
}
