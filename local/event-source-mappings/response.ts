import * as z from 'zod'
import { type MskRecord, partitionKeyOf } from './event.ts'

/**
 * From which offset each partition named in a partial batch response is to be delivered again. No answer, an answer
 * without failures and an empty list are success, as Lambda takes them.
 *
 * @throws an Error for an answer that names no record of this batch: Lambda then repeats all of it.
 */
export const resumeOffsetsOf = (
  answer: unknown,
  records: readonly MskRecord[],
): ReadonlyMap<string, number> => {
  const failures = responseSchema.parse(answer)?.batchItemFailures ?? []
  const offsets = new Map<string, number>()
  for (const { itemIdentifier } of failures) {
    const { partition, offset } = itemIdentifier
    const isKnown = records.some(
      (record) => record.offset === offset && partitionKeyOf(record) === partition,
    )
    if (!isKnown) throw new Error(`the answer names ${partition} at ${offset}, not in this batch`)
    offsets.set(partition, Math.min(offset, offsets.get(partition) ?? offset))
  }
  return offsets
}

const responseSchema = z
  .looseObject({
    batchItemFailures: z
      .array(
        z.looseObject({
          itemIdentifier: z.looseObject({ partition: z.string(), offset: z.int().nonnegative() }),
        }),
      )
      .nullish(),
  })
  .nullish()
