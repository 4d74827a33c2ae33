import { readFile } from 'node:fs/promises'
import * as z from 'zod'
import { InputError, lineOfPath, parseJson } from '../../measure/input-error.ts'
import {
  BYTES_PER_CONNECTION,
  CONNECTIONS_MAX,
  DATABASE_MEMORY_GIB,
  PROXY_CONNECTIONS_SHARE,
} from '../limits.ts'
import { demandOf, upperOf } from '../model/demand.ts'
import type { Stack, Subscription } from '../stack.ts'
import type { FunctionPlan } from './plan.ts'
import type { Targets } from './policy.ts'

/** The proxy and the database behind it. */
export type Connections = {
  readonly instanceClass: string
  /** Connections that the proxy may open. */
  readonly limit: number
  /** At the peak: one for each function that runs at that moment, as if all its time were a transaction. */
  readonly needed: number
  /** Environments that keep a connection to the proxy; they wait there for free. */
  readonly clients: number
}

export const connectionsOf = (
  functions: readonly FunctionPlan[],
  { instanceClass, targets }: { instanceClass: string; targets: Targets },
): Connections => {
  const users = functions.filter(({ of }) => of.usesDatabase)
  const load = users.reduce((sum, { demand }) => sum + demand.load, 0)
  const bytes = (DATABASE_MEMORY_GIB[instanceClass] ?? 0) * 1_024 ** 3
  const all = Math.min(Math.floor(bytes / BYTES_PER_CONNECTION), CONNECTIONS_MAX)
  return {
    instanceClass,
    limit: Math.floor(all * PROXY_CONNECTIONS_SHARE),
    needed: Math.ceil(upperOf(load * targets.headroom, targets.quantile)),
    clients: users.reduce((sum, { needed }) => sum + needed, 0),
  }
}

const sizesSchema = z.looseObject({
  sizes: z.looseObject({ database: z.looseObject({ instance_class: z.string() }) }),
})

/** The database's class, where Terraform reads it. @throws InputError with the line. */
export const readInstanceClass = async (file: string): Promise<string> => {
  const text = await readFile(file, 'utf8').catch(() => {
    throw new InputError({ file }, 'the file cannot be read')
  })
  const path = ['sizes', 'database', 'instance_class']
  const result = sizesSchema.safeParse(parseJson(text, file))
  const line = lineOfPath(text, path)
  if (!result.success) throw new InputError({ file, line }, `${path.join('.')} is missing`)
  const { instance_class: instanceClass } = result.data.sizes.database
  if (!(instanceClass in DATABASE_MEMORY_GIB))
    throw new InputError(
      { file, line },
      `the memory of ${instanceClass} is not known (tools/concurrency/limits.ts)`,
    )
  return instanceClass
}

/** A consumer group on a topic: as many batches at once as there are partitions, and no more. */
export type Consumption = Subscription & {
  readonly eventsPerSecond: number
  /** Erlangs at the peak, if each batch had one record. */
  readonly load: number
  /** Records that a batch must carry at the peak, or the group falls behind until batches do. */
  readonly recordsPerBatch: number
}

/** Busiest first. */
export const consumptionOf = (
  { subscriptions }: Stack,
  {
    functions,
    events,
    bucketSeconds,
    quantile,
  }: {
    functions: readonly FunctionPlan[]
    /** Events a second in each bucket, by topic. */
    events: ReadonlyMap<string, readonly number[]>
    bucketSeconds: number
    quantile: number
  },
): readonly Consumption[] => {
  const means = new Map(functions.map(({ of, meanMs }) => [of.key, meanMs / 1_000]))
  return subscriptions
    .map((one): Consumption => {
      const meanSeconds = means.get(one.functionKey) ?? 0
      const demand = demandOf(events.get(one.topic) ?? [], { bucketSeconds, meanSeconds, quantile })
      return {
        ...one,
        eventsPerSecond: demand.peakPerSecond,
        load: demand.load,
        recordsPerBatch: Math.max(1, Math.ceil(demand.load / one.partitions)),
      }
    })
    .toSorted((one, other) => other.load / other.partitions - one.load / one.partitions)
}
