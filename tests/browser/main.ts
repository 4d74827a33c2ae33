import { debianProgram } from '../support/engines/toolbox.ts'
import { runJest, runStages, type Stage } from '../support/stages.ts'

// `npm run test:browser [-- NAME …]`: pages as a person has them, in a real Chromium.
const stageOf = (name: string): Stage => ({
  name,
  async run() {
    const chromium = await debianProgram('chromium', ['chromium', 'fonts-dejavu-core'])
    return runJest([`tests/browser/${name}.test.ts`], { HUB_CHROMIUM: chromium })
  },
})

await runStages(['console', 'cost'].map(stageOf))
