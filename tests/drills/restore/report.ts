import { readFile, writeFile } from 'node:fs/promises'
import { cpus, totalmem } from 'node:os'
import { fileURLToPath } from 'node:url'
import { ARCHIVE_TIMEOUT_SECONDS } from './backup.ts'
import type { Drill } from './drill.ts'

const page = fileURLToPath(new URL('../../../docs/operations/restore.md', import.meta.url))
const MARK = '<!-- the last drill: `npm run drill:restore -- --report` writes what follows -->'

const seconds = (ms: number) => `${(ms / 1_000).toFixed(1)} s`

/** What a drill showed, for people. */
export const sentencesOf = ({
  acknowledged,
  toPointInTime,
  toTheEnd,
}: Drill): readonly string[] => [
  `${acknowledged} writes were acknowledged while the cluster was backed up, archived and destroyed.`,
  `To a point in time: all ${toPointInTime.before} writes acknowledged before it are there, none of the ` +
    `${toPointInTime.after} begun after it; the first write after ${seconds(toPointInTime.tookMs)} (RTO).`,
  `To the end of the log: what was acknowledged in the last ${seconds(toTheEnd.lostMs)} is lost (RPO; segments are ` +
    `archived every ${ARCHIVE_TIMEOUT_SECONDS} s here); the first write after ${seconds(toTheEnd.tookMs)}.`,
]

/** Puts the drill's own words into docs/operations/restore.md. */
export const writeReport = async (drill: Drill): Promise<void> => {
  const text = await readFile(page, 'utf8')
  const [kept, rest] = text.split(MARK)
  if (kept === undefined || rest === undefined) throw new Error(`${page} has no place for it.`)
  const cores = `${cpus().length} cores, ${Math.round(totalmem() / 1_024 ** 3)} GB`
  const day = new Date().toISOString().slice(0, 10)
  const lines = sentencesOf(drill).map((sentence) => `- ${sentence}`)
  await writeFile(page, `${kept}${MARK}\n\n${day}, ${cores}:\n\n${lines.join('\n')}\n`)
}
