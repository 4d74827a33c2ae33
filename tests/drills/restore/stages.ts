import type { Stage } from '../../support/stages.ts'
import { runDrill } from './drill.ts'
import { sentencesOf } from './report.ts'

/** Backup, disaster, restore: a check for each restore. */
export const restoreStages: readonly Stage[] = [
  {
    name: 'restore',
    run: async () => {
      const drill = await runDrill()
      for (const sentence of sentencesOf(drill)) console.log(sentence)
      for (const finding of drill.findings) console.error(finding)
      return drill.findings.length === 0
        ? { passed: 2, failed: 0 }
        : { passed: 0, failed: drill.findings.length }
    },
  },
]
