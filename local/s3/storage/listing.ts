import { compareUtf8 } from './key-index.ts'
import type { Bucket, ObjectRecord } from './objects.ts'

export type Page = {
  readonly records: readonly ObjectRecord[]
  readonly prefixes: readonly string[]
  /** The last name of this page, if there are more. */
  readonly next: string | undefined
}

/** One page of names after `after`; what has the delimiter after the prefix is rolled up. */
export function listPage(
  bucket: Bucket,
  options: {
    prefix: string
    delimiter: string | undefined
    after: string | undefined
    limit: number
  },
): Page {
  const { prefix, delimiter, limit } = options
  const records: ObjectRecord[] = []
  const prefixes: string[] = []
  let last = options.after
  let isInGroup =
    last !== undefined && delimiter !== undefined && rollUp(last, prefix, delimiter) === last
  for (;;) {
    const record = nextRecord(bucket, { prefix, last, isInGroup })
    if (record === undefined || limit === 0) return { records, prefixes, next: undefined }
    if (records.length + prefixes.length === limit) return { records, prefixes, next: last }
    const group = delimiter === undefined ? undefined : rollUp(record.key, prefix, delimiter)
    if (group === undefined) records.push(record)
    else prefixes.push(group)
    last = group ?? record.key
    isInGroup = group !== undefined
  }
}

function nextRecord(
  bucket: Bucket,
  { prefix, last, isInGroup }: { prefix: string; last: string | undefined; isInGroup: boolean },
): ObjectRecord | undefined {
  const lower = last === undefined || isBefore(last, prefix) ? undefined : last
  const record = bucket.objects.firstAfter((key) => {
    if (lower === undefined) return isBefore(key, prefix)
    return !isBefore(lower, key) || (isInGroup && key.startsWith(lower))
  })
  return record?.key.startsWith(prefix) ? record : undefined
}

function rollUp(key: string, prefix: string, delimiter: string): string | undefined {
  if (!key.startsWith(prefix)) return undefined
  const at = key.indexOf(delimiter, prefix.length)
  return at < 0 ? undefined : key.slice(0, at + delimiter.length)
}

const isBefore = (a: string, b: string): boolean => compareUtf8(a, b) < 0
