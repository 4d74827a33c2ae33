import { type ColumnType, type RawBuilder, sql } from 'kysely'
import { type Instant, toDate } from '../kernel/time.ts'

/** A `timestamptz` column: read as an {@link Instant}, written and compared through {@link at}. */
export type InstantColumn = ColumnType<Instant, RawBuilder<Instant>, RawBuilder<Instant>>
export type NullableInstantColumn = ColumnType<
  Instant | null,
  RawBuilder<Instant> | null,
  RawBuilder<Instant> | null
>

/** A `jsonb` column: read parsed, written through {@link json}. */
export type JsonColumn<Value> = ColumnType<Value, RawBuilder<Value>, RawBuilder<Value>>

/** An instant as a statement wants it. */
export const at = (instant: Instant): RawBuilder<Instant> =>
  sql<Instant>`${toDate(instant)}::timestamptz`

export const atOrNull = (instant: Instant | null): RawBuilder<Instant> | null =>
  instant === null ? null : at(instant)

/** `pg` would send an array as a Postgres array; this sends any value as JSON. */
export const json = <Value>(value: Value): RawBuilder<Value> =>
  sql<Value>`${JSON.stringify(value)}::jsonb`
