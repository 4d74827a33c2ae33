import { createHash } from 'node:crypto'
import { createReadStream, existsSync } from 'node:fs'
import { Transform } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { Big } from 'big.js'
import { CsvError, parse } from 'csv-parse'
import type { Component } from '../bill/line.ts'
import { InputError } from '../inputs/yaml.ts'
import { type Charge, type ChargeKind, type Format, formatOf, isRead, type Row } from './formats.ts'
import { type Place, readPlaces } from './services.ts'

/** A sum of charges that agree in all that is asked for. */
export type Entry = {
  readonly month: string
  readonly day: string
  readonly kind: ChargeKind
  readonly service: string
  readonly component: Component | 'other'
  /** By the tag `group`; `shared` if only other tags of ours are there, `untagged` if none is. */
  readonly group: string
  readonly stage: string | undefined
  readonly project: string | undefined
  readonly usd: Big
}

/** What a file holds: two that hold the same days may be two states of one month. */
export type Export = {
  readonly path: string
  readonly format: string
  readonly from: string
  readonly to: string
  readonly usd: Big
}

export type Ledger = { readonly exports: readonly Export[]; readonly entries: readonly Entry[] }

const ROWS_MAX = 20_000_000
const BYTES_MAX = 20 * 1_024 ** 3
const ROW_BYTES_MAX = 1_000_000

/**
 * Reads exports, row by row, into one ledger.
 *
 * Amounts are added as decimals: reports hold cents' billionths, and rounding each would drift.
 *
 * @throws InputError with file and line; nothing of a ledger with a bad row is used.
 */
export const readLedger = async (paths: readonly string[]): Promise<Ledger> => {
  const place = await readPlaces()
  const entries = new Map<string, Entry>()
  const exports: Export[] = []
  const hashes = new Map<string, string>()
  for (const path of paths) {
    let [from, to, usd] = ['9999-12-31', '', new Big(0)]
    const { format, hash } = await readExport(path, (charge) => {
      add(entries, charge, place)
      if (charge.day < from) from = charge.day
      if (charge.day > to) to = charge.day
      usd = usd.plus(charge.usd)
    })
    const twin = hashes.get(hash)
    if (twin !== undefined)
      throw new InputError(`${path} is the same export as ${twin}; it would be counted twice.`)
    hashes.set(hash, path)
    exports.push({ path, format: format.name, from, to, usd })
  }
  return { exports, entries: [...entries.values()] }
}

const add = (entries: Map<string, Entry>, charge: Charge, place: Place): void => {
  const { day, month, kind, tags, usd } = charge
  const { service, component } = place(charge)
  const { stage, project } = tags
  const entry = { service, component, month, day, kind, group: groupOf(tags), stage, project }
  const key = JSON.stringify(Object.values(entry))
  const before = entries.get(key)
  entries.set(key, { ...entry, usd: before ? before.usd.plus(usd) : usd })
}

const OURS = ['project', 'stage', 'owner']

const groupOf = (tags: Charge['tags']): string => {
  if (tags.group) return tags.group
  return OURS.some((name) => tags[name]) ? 'shared' : 'untagged'
}

const readExport = async (
  path: string,
  take: (charge: Charge) => void,
): Promise<{ format: Format; hash: string }> => {
  if (!existsSync(path)) throw new InputError(`${path} is not there.`)
  if (!/\.csv(\.gz)?$/.test(path)) throw new InputError(`${path} is neither .csv nor .csv.gz.`)
  const { text, digest } = openText(path)
  let columns: readonly string[] = []
  const rows = text.pipe(
    parse({
      columns: (names: string[]) => {
        columns = names.map((name) => name.trim())
        return columns.map((name) => (isRead(name) ? name : false))
      },
      bom: true,
      info: true,
      max_record_size: ROW_BYTES_MAX,
    }),
  )
  text.on('error', (error) => rows.destroy(error))
  let format: Format | undefined
  let count = 0
  try {
    for await (const { record, info } of rows as AsyncIterable<{
      record: Row
      info: { lines: number }
    }>) {
      const where = `${path}:${info.lines}`
      format ??= formatOf(columns, path)
      count += 1
      if (count > ROWS_MAX) throw new InputError(`${where}: more than ${ROWS_MAX} rows.`)
      take(format.parse(record, where))
    }
  } catch (error) {
    throw sentenceOf(error, path)
  }
  if (!format) throw new InputError(`${path} has no rows.`)
  return { format, hash: digest() }
}

const openText = (path: string) => {
  const hash = createHash('sha256')
  let bytes = 0
  const counted = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length
      hash.update(chunk)
      if (bytes > BYTES_MAX) done(new InputError(`${path} is larger than ${BYTES_MAX} bytes.`))
      else done(null, chunk)
    },
  })
  const file = createReadStream(path)
  const source = path.endsWith('.gz') ? file.pipe(createGunzip()) : file
  for (const stream of [file, source]) stream.on('error', (error: Error) => counted.destroy(error))
  return { text: source.pipe(counted), digest: () => hash.digest('hex') }
}

const sentenceOf = (error: unknown, path: string): unknown => {
  if (error instanceof CsvError)
    return new InputError(
      `${path}:${error.lines ?? 1}: the row is not as wide as the head, or its quotes do not end.`,
    )
  const { code } = error as { code?: string }
  if (code?.startsWith('Z_'))
    return new InputError(`${path} is not a gzip file, or it ends too early.`)
  return error
}

/** Exact sum, for rounding once. */
export const sumOf = (entries: readonly Entry[]): Big =>
  entries.reduce((sum, { usd }) => sum.plus(usd), new Big(0))
