import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { packageHub } from '../../../local/package/package.ts'
import { runJest, type Stage } from '../../support/stages.ts'
import { runCheckov } from '../checkov.ts'

const root = fileURLToPath(new URL('../../..', import.meta.url))

/** What `npm run package` makes, through the linters of CloudFormation and of state machines, and checkov. */
export const templateStages: readonly Stage[] = [
  { name: 'template:lint', run: () => runJest(['tests/platform/template/']) },
  {
    name: 'template:checkov',
    run: async () => {
      const { templatePath } = await packageHub({ root, reuse: true })
      return runCheckov({
        files: [templatePath],
        framework: 'cloudformation',
        skips: join(import.meta.dirname, 'checkov-skips.json'),
      })
    },
  },
]
