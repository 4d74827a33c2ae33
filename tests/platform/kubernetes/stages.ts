import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { stringify } from 'yaml'
import { runJest, type Stage } from '../../support/stages.ts'
import { runCheckov } from '../checkov.ts'
import { manifestsOf, STAGES } from './manifests.ts'
import { clusterPrograms, kubectlProgram } from './programs.ts'

/** What was rendered stays for whoever reads it later. */
const rendered = fileURLToPath(new URL('../../../dist/kubernetes', import.meta.url))

/** eks-workloads/kubernetes through kustomize, schemas and checkov, and in a real cluster without machines. */
export const kubernetesStages: readonly Stage[] = [
  {
    name: 'kubernetes:manifests',
    run: async () => {
      // Built before, since a test would not wait so long.
      await kubectlProgram()
      return runJest(['tests/platform/kubernetes/manifests'])
    },
  },
  {
    name: 'kubernetes:checkov',
    run: async () => {
      await mkdir(rendered, { recursive: true })
      const files = []
      for (const stage of STAGES) {
        const manifests = await manifestsOf(stage)
        const file = join(rendered, `${stage}.yaml`)
        await writeFile(file, manifests.map((each) => stringify(each)).join('---\n'))
        files.push(file)
      }
      const skips = join(import.meta.dirname, 'checkov-skips.json')
      return runCheckov({ files, framework: 'kubernetes', skips })
    },
  },
  {
    name: 'kubernetes:cluster',
    run: async () => {
      await clusterPrograms()
      return runJest(['tests/platform/kubernetes/rollout'])
    },
  },
]
