import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseAllDocuments } from 'yaml'
import { run } from '../../support/engines/toolbox.ts'
import { kubectlProgram } from './programs.ts'

const folder = fileURLToPath(new URL('../../../eks-workloads/kubernetes', import.meta.url))

export const STAGES = ['staging', 'prod'] as const

// biome-ignore lint/suspicious/noExplicitAny: objects of many kinds, looked into at single points
export type Manifest = any

/** What `kubectl apply -k` would send for a stage. */
export const manifestsOf = async (stage: string): Promise<readonly Manifest[]> => {
  const text = await run(await kubectlProgram(), ['kustomize', join(folder, stage)])
  return parseAllDocuments(text).map((document) => document.toJS())
}

/** The one object of a kind and a name. @throws when there is none. */
export const oneOf = (manifests: readonly Manifest[], kind: string, name: string): Manifest => {
  const found = manifests.find((each) => each.kind === kind && each.metadata.name === name)
  if (!found) throw new Error(`there is no ${kind} ${name}`)
  return found
}
