import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from '@jest/globals'

// The import table of docs/architecture.md, held by dependency-cruiser. It once examined nothing and passed (style.md,
// pitfall 6), so the number of modules is asserted too.

const root = fileURLToPath(new URL('../..', import.meta.url))

type Cruised = {
  readonly modules: readonly unknown[]
  readonly summary: {
    readonly violations: readonly { rule: { name: string }; from: string; to: string }[]
  }
}

const cruise = (folder: string, rooms: readonly string[]): Cruised => {
  const program = join(root, 'node_modules', 'dependency-cruiser', 'bin', 'dependency-cruise.mjs')
  const config = join(root, '.dependency-cruiser.mjs')
  const { stdout, stderr } = spawnSync(
    process.execPath,
    [program, '--config', config, '--output-type', 'json', ...rooms],
    { cwd: folder, encoding: 'utf8', maxBuffer: 100_000_000 },
  )
  if (stdout === '') throw new Error(`dependency-cruiser said nothing: ${stderr}`)
  return JSON.parse(stdout)
}

/** Which rules a tree of these files breaks: path to text. */
const plant = (files: Readonly<Record<string, string>>): readonly string[] => {
  const folder = mkdtempSync(join(tmpdir(), 'hub-planted-'))
  try {
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, path)), { recursive: true })
      writeFileSync(join(folder, path), text)
    }
    writeFileSync(
      join(folder, 'tsconfig.json'),
      '{ "compilerOptions": { "allowImportingTsExtensions": true } }',
    )
    symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
    const rooms = [...new Set(Object.keys(files).map((path) => path.split('/')[0] ?? ''))]
    return [...new Set(cruise(folder, rooms).summary.violations.map(({ rule }) => rule.name))]
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const value = 'export const value = 1\n'
const importing = (path: string) => `import { value } from '${path}'\nexport const other = value\n`

describe('the import table', () => {
  it('holds for every file', () => {
    const rooms = [
      'functions',
      'workflows',
      'eks-workloads',
      'shared',
      'local',
      'tests',
      'tools',
      'bench',
    ]
    const { modules, summary } = cruise(root, rooms)
    expect(modules.length).toBeGreaterThan(200)
    expect(
      summary.violations.map(({ rule, from, to }) => `${rule.name}: ${from} -> ${to}`),
    ).toEqual([])
  })

  it.each([
    ['no-cycles', 'shared/kernel/a.ts', '../kernel/b.ts', 'shared/kernel/b.ts'],
    ['nothing-missing', 'shared/kernel/a.ts', './absent.ts', undefined],
    ['kernel-is-alone', 'shared/kernel/a.ts', '../events/b.ts', 'shared/events/b.ts'],
    ['events-know-the-kernel', 'shared/events/a.ts', '../http/b.ts', 'shared/http/b.ts'],
    ['contracts-know-events-and-kernel', 'shared/contracts/a.ts', '../db/b.ts', 'shared/db/b.ts'],
    ['shared-knows-no-service', 'shared/db/a.ts', '../../functions/x/b.ts', 'functions/x/b.ts'],
    ['rules-are-pure', 'functions/x/domain.ts', './store.ts', 'functions/x/store.ts'],
    ['rules-are-pure', 'functions/x/errors.ts', '../../shared/db/b.ts', 'shared/db/b.ts'],
    ['the-store-knows-sql', 'functions/x/store.ts', '../../shared/http/b.ts', 'shared/http/b.ts'],
    [
      'handlers-stay-in-their-room',
      'functions/x/routes.ts',
      './lambda.ts',
      'functions/x/lambda.ts',
    ],
    [
      'handlers-open-no-engine',
      'functions/x/routes.ts',
      '../../shared/storage/open.ts',
      'shared/storage/open.ts',
    ],
    ['lambda-knows-its-service', 'functions/x/lambda.ts', './store.ts', 'functions/x/store.ts'],
    ['no-service-knows-another', 'functions/x/routes.ts', '../y/store.ts', 'functions/y/store.ts'],
    [
      'video-workflow-knows-its-service',
      'workflows/video-processing/a.ts',
      '../../functions/course/store.ts',
      'functions/course/store.ts',
    ],
    [
      'certificate-workflow-knows-its-service',
      'workflows/certificate-issuance/a.ts',
      '../../functions/certificate/routes.ts',
      'functions/certificate/routes.ts',
    ],
    ['a-pod-knows-itself', 'eks-workloads/x/a.ts', '../y/b.ts', 'eks-workloads/y/b.ts'],
    ['nobody-ships-the-laptop', 'functions/x/routes.ts', '../../local/b.ts', 'local/b.ts'],
    ['tools-know-no-test', 'tools/x/a.ts', '../../tests/x/b.ts', 'tests/x/b.ts'],
  ])('fails on a planted violation of %s (%s imports %s)', (rule, from, specifier, to) => {
    const target = to === undefined ? {} : { [to]: value }
    const back = rule === 'no-cycles' && to ? { [to]: importing('./a.ts') } : {}
    expect(plant({ ...target, ...back, [from]: importing(specifier) })).toContain(rule)
  })

  it('lets a handler know an engine by its type', () => {
    const byType =
      "import type { value } from '../../shared/storage/open.ts'\nexport type Other = typeof value\n"
    expect(plant({ 'shared/storage/open.ts': value, 'functions/x/routes.ts': byType })).toEqual([])
  })
})
