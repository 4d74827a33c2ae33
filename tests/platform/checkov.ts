import { readFile } from 'node:fs/promises'
import * as z from 'zod'
import { pythonPackages, run } from '../support/engines/toolbox.ts'
import type { Counts } from '../support/stages.ts'

/** Of one mistake there are often as many findings as there are functions. */
const LINES_MAX = 40
const CHECKOV = 'checkov==3.3.30'

/** A rule of checkov's that does not hold here, where, and why. */
const skipsSchema = z.array(
  z.strictObject({
    check: z.string().regex(/^CKV2?_[A-Z0-9]+_\d+$/),
    /** Part of a resource's address; without it the rule holds nowhere. */
    resource: z.string().optional(),
    reason: z.string().min(20),
  }),
)
type Skip = z.output<typeof skipsSchema>[number]

const findingSchema = z.object({
  check_id: z.string(),
  check_name: z.string(),
  resource: z.string(),
})
type Finding = z.output<typeof findingSchema>

const reportSchema = z.object({
  results: z.object({
    passed_checks: z.array(findingSchema),
    failed_checks: z.array(findingSchema),
  }),
})

export type Checked = {
  readonly files: readonly string[]
  /** How checkov reads them, in its own words. */
  readonly framework: 'terraform_plan' | 'cloudformation' | 'kubernetes' | 'dockerfile'
  /** A file of rules that do not hold here, with reasons. */
  readonly skips: string
}

/** Checkov over files: every finding is mended, or skipped with a reason; every skip is needed. */
export const runCheckov = async ({ files, framework, skips: path }: Checked): Promise<Counts> => {
  const skips = skipsSchema.parse(JSON.parse(await readFile(path, 'utf8')))
  const reports = []
  for (const file of files) reports.push(await reportOf(file, framework))
  const found = reports.flatMap(({ results }) => results.failed_checks)
  const open = found.filter((finding) => !skips.some((skip) => isSkipped(finding, skip)))
  const idle = skips.filter((skip) => !found.some((finding) => isSkipped(finding, skip)))
  for (const { check_id, check_name, resource } of open.slice(0, LINES_MAX))
    console.log(`${check_id} ${resource}: ${check_name}`)
  if (open.length > LINES_MAX) console.log(`and ${open.length - LINES_MAX} more`)
  for (const { check, resource = '' } of idle)
    console.log(`${check} ${resource} is skipped for nothing`)
  const passed = reports.reduce((sum, { results }) => sum + results.passed_checks.length, 0)
  return { passed, failed: open.length + idle.length }
}

const isSkipped = (finding: Finding, skip: Skip): boolean =>
  finding.check_id === skip.check && finding.resource.includes(skip.resource ?? '')

const reportOf = async (file: string, framework: Checked['framework']) => {
  const { python, folder } = await pythonPackages('checkov', [CHECKOV])
  const args = ['--file', file, '--framework', framework, '--skip-download']
  const report = await run(
    python,
    ['-m', 'checkov.main', ...args, '--output', 'json', '--soft-fail'],
    { PYTHONPATH: folder },
  )
  return reportSchema.parse(JSON.parse(report))
}
