import type pg from 'pg'

/**
 * Bookkeeping of the engines and of a sweeper: rows come and go there while nobody does anything, and no operation shows
 * them. What a tenant has stands in the other tables.
 */
const ENGINE_TABLES = [
  ...['outbox', 'outbox_stream', 'inbox', 'idempotency', 'dead_letter', 'orphan_scan'],
]
/** Ids lead to further rows (a session to its refresh tokens): so many times over. */
const ROUNDS_MAX = 4

/** Table and content of a row, as one text. */
export type Row = string

/**
 * Every row of any service's schema that names one of these ids.
 *
 * @param owner of the database, who sees all rows whatever row-level security says.
 */
export const rowsNaming = async (
  owner: pg.Pool,
  ids: Iterable<string>,
): Promise<readonly Row[]> => {
  const { rows: tables } = await owner.query<{ name: string }>(
    `select format('%I.%I', schemaname, tablename) as name from pg_tables
      where schemaname not in ('pg_catalog', 'information_schema', 'hub', 'event_log')
        and tablename <> all($1) order by 1`,
    [ENGINE_TABLES],
  )
  const found: Row[] = []
  for (const { name } of tables) {
    const { rows } = await owner.query<{ text: string }>(
      `select row_to_json(t)::text as text from ${name} t where row_to_json(t)::text ~ $1`,
      [[...ids].join('|')],
    )
    found.push(...rows.map(({ text }) => `${name} ${text}`))
  }
  return found
}

const idsIn = (rows: readonly Row[]): readonly string[] =>
  rows.flatMap((row) => row.match(/\b[a-z]{3}_[0-9a-f]{32}\b/g) ?? [])

/**
 * Every id of a tenant.
 *
 * @param from the organisation and its people.
 * @param notTheirs ids that stand in its rows and are not its own: the academy, who founded it.
 */
export const idsOfTenant = async (
  owner: pg.Pool,
  { from, notTheirs }: { from: readonly string[]; notTheirs: ReadonlySet<string> },
): Promise<ReadonlySet<string>> => {
  let ids = new Set(from)
  for (let round = 0; round < ROUNDS_MAX; round += 1) {
    const found = idsIn(await rowsNaming(owner, ids))
    // One key signs for everybody.
    const theirs = [...found].filter((id) => !notTheirs.has(id) && !id.startsWith('key_'))
    const grown = new Set([...ids, ...theirs])
    if (grown.size === ids.size) break
    ids = grown
  }
  return ids
}

/**
 * What has become of a tenant's rows through others.
 *
 * @param othersId an organisation that may name a tenant's people in rows of its own.
 */
export const changesBetween = (
  before: readonly Row[],
  after: readonly Row[],
  othersId: string,
): readonly string[] => {
  const [had, has] = [new Set(before), new Set(after)]
  return [
    ...before.filter((row) => !has.has(row)).map((row) => `gone: ${row}`),
    ...after.filter((row) => !had.has(row) && !row.includes(othersId)).map((row) => `new: ${row}`),
  ]
}
