import { parseArgs } from 'node:util'
import { runDrill } from './drill.ts'
import { sentencesOf, writeReport } from './report.ts'

// `npm run drill:restore [-- --report]`: base backup and archived log to S3, disaster, restore to a point in time; what
// was acknowledged is held against what is there. `--report` writes the figures to docs/operations/restore.md.

const readFlags = () => {
  try {
    return parseArgs({ options: { report: { type: 'boolean', default: false } } }).values
  } catch {
    throw new Error('It takes --report, or nothing.')
  }
}

try {
  const { report } = readFlags()
  const drill = await runDrill()
  if (drill.findings.length > 0) throw new Error(drill.findings.join('\n'))
  for (const sentence of sentencesOf(drill)) console.log(sentence)
  if (report) await writeReport(drill)
  process.exit(0)
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error))
  process.exit(1)
}
