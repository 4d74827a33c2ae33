import { spawn } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as z from 'zod'
import { pythonPackages } from '../support/engines/toolbox.ts'
import type { Counts } from '../support/stages.ts'
import { plansFolder, terraformFolder } from './workspace.ts'

const CHECKOV = 'checkov==3.3.30'

/** A rule of checkov's that does not hold here, where, and why. */
const skipsSchema = z.array(
  z.strictObject({
    check: z.string().regex(/^CKV2?_AWS_\d+$/),
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

/** Checkov over the plans of the stages: every finding is mended, or skipped with a reason; every skip is needed. */
export const runCheckov = async (stages: readonly string[]): Promise<Counts> => {
  const skips = skipsSchema.parse(
    JSON.parse(await readFile(join(terraformFolder, 'checkov-skips.json'), 'utf8')),
  )
  const reports = []
  for (const stage of stages) reports.push(await reportOf(join(plansFolder, stage, 'plan.json')))
  const found = reports.flatMap(({ results }) => results.failed_checks)
  const open = found.filter((finding) => !skips.some((skip) => isSkipped(finding, skip)))
  const idle = skips.filter((skip) => !found.some((finding) => isSkipped(finding, skip)))
  for (const { check_id, check_name, resource } of open)
    console.log(`${check_id} ${resource}: ${check_name}`)
  for (const { check, resource = '' } of idle)
    console.log(`${check} ${resource} is skipped for nothing`)
  const passed = reports.reduce((sum, { results }) => sum + results.passed_checks.length, 0)
  return { passed, failed: open.length + idle.length }
}

const isSkipped = (finding: Finding, skip: Skip): boolean =>
  finding.check_id === skip.check && finding.resource.includes(skip.resource ?? '')

const reportOf = async (plan: string) => {
  const { python, folder } = await pythonPackages('checkov', [CHECKOV])
  const args = ['--file', plan, '--framework', 'terraform_plan', '--skip-download', '--quiet']
  const child = spawn(python, ['-m', 'checkov.main', ...args, '--output', 'json', '--soft-fail'], {
    env: { ...process.env, PYTHONPATH: folder },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let output = ''
  for await (const chunk of child.stdout) output += chunk
  return reportSchema.parse(JSON.parse(output))
}
