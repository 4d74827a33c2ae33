import { existsSync } from 'node:fs'
import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Counts, runJest, runStages, type Stage } from '../support/stages.ts'
import { runCheckov } from './checkov.ts'
import { observabilityStages } from './observability/stages.ts'
import { openTofu, type Tofu } from './tofu.ts'
import { openWorkspace, plansFolder, terraformFolder } from './workspace.ts'

// `npm run check:terraform [-- STAGE …]`: terraform/ is formatted, valid, planned, applied and tested by OpenTofu against
// a stand-in for AWS, and what it planned is held against the platform's list.

const ENVIRONMENTS = ['staging', 'prod'] as const

let opened:
  | Promise<{ tofu: Tofu; workspace: Awaited<ReturnType<typeof openWorkspace>> }>
  | undefined

const open = () => {
  opened ??= Promise.all([openTofu(), openWorkspace()]).then(([tofu, workspace]) => ({
    tofu,
    workspace,
  }))
  return opened
}

/** Runs steps in order; the first that fails ends the stage, since the next would stand on it. */
const steps = async (all: readonly (() => Promise<unknown>)[]): Promise<Counts> => {
  for (const [index, step] of all.entries())
    try {
      await step()
    } catch (error) {
      console.error(error instanceof Error ? error.message : error)
      return { passed: index, failed: 1 }
    }
  return { passed: all.length, failed: 0 }
}

const format: Stage = {
  name: 'format',
  run: async () => {
    const { tofu } = await open()
    return steps([() => tofu(terraformFolder, ['fmt', '-check', '-diff', '-recursive'])])
  },
}

const PLAIN = ['-no-color', '-input=false'] as const

const environment = (name: (typeof ENVIRONMENTS)[number]): Stage => ({
  name,
  run: async () => {
    const { tofu, workspace } = await open()
    const folder = workspace.environment(name)
    const plans = join(plansFolder, name)
    await mkdir(plans, { recursive: true })
    const keep = async (file: string, args: readonly string[]) =>
      writeFile(join(plans, file), await tofu(folder, args))
    return steps([
      () => tofu(folder, ['init', ...PLAIN]),
      () => tofu(folder, ['validate', '-no-color']),
      () => tofu(folder, ['plan', ...PLAIN, '-out=planned']),
      () => keep('plan.json', ['show', '-json', 'planned']),
      () => tofu(folder, ['apply', ...PLAIN, 'planned']),
      () => keep('state.json', ['show', '-json']),
      () => tofu(folder, ['test', '-no-color']),
    ])
  },
})

/** The tests that stand beside a module: what it refuses. */
const modules: Stage = {
  name: 'modules',
  run: async () => {
    const { tofu, workspace } = await open()
    const names = await readdir(workspace.modules)
    const tested = names
      .map((name) => join(workspace.modules, name))
      .filter((folder) => existsSync(join(folder, 'tests')))
    return steps(
      tested.flatMap((folder) => [
        () => tofu(folder, ['init', ...PLAIN]),
        () => tofu(folder, ['test', '-no-color']),
      ]),
    )
  },
}

const list: Stage = {
  name: 'list',
  run: () => runJest(['tests/platform/terraform/'], { HUB_PLANS: plansFolder }),
}

const policies: Stage = { name: 'checkov', run: () => runCheckov(ENVIRONMENTS) }

await runStages([
  ...[format, ...ENVIRONMENTS.map(environment), modules, list, policies],
  ...observabilityStages,
])
