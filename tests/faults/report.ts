import { readFile, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import type { FaultRow } from './fault-row.ts'
import { type RunRecord, recordsFile } from './record.ts'
import { medianOf } from './slope.ts'

const docs = fileURLToPath(new URL('../../docs/reliability.md', import.meta.url))
const BEGIN = '<!-- the runs: `npm run test:faults -- --report` writes what follows -->'

/**
 * Renders the recorded runs into docs/reliability.md, below its marker: nothing there is typed by hand.
 *
 * @throws an Error when there are no records, or the document has lost its marker.
 */
export const writeReport = async (rows: readonly FaultRow[]): Promise<void> => {
  const lines = (await readFile(recordsFile, 'utf8')).trim().split('\n')
  const records = lines.map((line) => JSON.parse(line) as RunRecord)
  const text = await readFile(docs, 'utf8')
  const at = text.indexOf(BEGIN)
  if (at < 0) throw new Error(`${docs} has lost its marker: ${BEGIN}`)
  await writeFile(docs, `${text.slice(0, at)}${BEGIN}\n\n${tableOf(rows, records)}`)
}

const tableOf = (rows: readonly FaultRow[], records: readonly RunRecord[]): string => {
  const head = [
    '| row | fault | runs | faults | followed | lost | doubled | heals in ms, median / max | command |',
    '|---|---|---|---|---|---|---|---|---|',
  ]
  const soaks = records.filter(({ row }) => row === 0)
  const lines = rows.map(({ row, name }) =>
    lineOf({ row: String(row), name, command: `--row ${row}` }, runsOf(records, row)),
  )
  const soak = lineOf(
    { row: 'soak', name: soaks.at(-1)?.name ?? 'soak', command: '--soak 20' },
    soaks,
  )
  const notes = [...rows.map(({ row }) => runsOf(records, row).at(-1)), soaks.at(-1)].flatMap(
    (record) => (record?.notes ? [noteOf(record)] : []),
  )
  return [
    ...head,
    ...lines,
    soak,
    '',
    'What the last run of a row measured beside:',
    '',
    ...notes,
    '',
  ].join('\n')
}

const runsOf = (records: readonly RunRecord[], row: number): readonly RunRecord[] =>
  records.filter((record) => record.row === row)

const lineOf = (
  { row, name, command }: { row: string; name: string; command: string },
  records: readonly RunRecord[],
): string => {
  const sum = (pick: (record: RunRecord) => number) =>
    records.reduce((total, record) => total + pick(record), 0)
  const healed = records.flatMap(({ healedMs }) => healedMs)
  const heals = healed.length > 0 ? `${medianOf(healed)} / ${Math.max(...healed)}` : '-'
  if (records.length === 0)
    return `| ${row} | ${name} | not yet | - | - | - | - | - | \`npm run test:faults -- ${command}\` |`
  const failed = records.filter(({ violations }) => violations.length > 0).length
  const runs = failed > 0 ? `${records.length}, ${failed} failed` : String(records.length)
  const cells = [
    ...[row, name, runs, sum(({ faults }) => faults), sum(({ followed }) => followed)],
    ...[sum(({ lost }) => lost), sum(({ doubled }) => doubled), heals],
    `\`npm run test:faults -- ${command}\``,
  ]
  return `| ${cells.join(' | ')} |`
}

const noteOf = ({ row, notes = {} }: RunRecord): string => {
  const parts = Object.entries(notes).map(([name, value]) => `${name} ${value}`)
  return `- ${row === 0 ? 'soak' : `row ${row}`}: ${parts.join(', ')}`
}
