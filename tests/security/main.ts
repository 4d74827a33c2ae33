import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Counts, runJest, runStages, type Stage } from '../support/stages.ts'
import { auditProduction } from './supply-chain/audit.ts'

// `npm run test:security [-- NAME …]`: what strangers, other tenants and hostile files get. Each stage starts what it
// needs. The long form of the fuzzing: `FUZZ_LONG=1 npm run test:security -- fuzz`.

const root = fileURLToPath(new URL('../..', import.meta.url))

/** Runs a folder of this suite, and shows what its tests say of themselves: coverage, above all. */
const runFolder = async (name: string): Promise<Counts> => {
  const folder = await mkdtemp(join(tmpdir(), 'hub-security-'))
  const report = join(folder, 'report.txt')
  try {
    return await runJest([`tests/security/${name}/`], { SECURITY_REPORT: report })
  } finally {
    const said = await readFile(report, 'utf8').catch(() => '')
    for (const line of said.split('\n').filter(Boolean)) console.log(`  ${line}`)
    await rm(folder, { recursive: true, force: true })
  }
}

/** An audit that nobody answers counts as neither: it says so, and what can be checked without it is checked. */
const audit = async (): Promise<Counts> => {
  const result = await auditProduction(root)
  if (!result.answered) {
    console.log(`  not checked: known vulnerabilities; npm audit had no answer (${result.reason})`)
    return { passed: 0, failed: 0 }
  }
  for (const finding of result.findings) console.log(`  ${finding}`)
  return { passed: result.findings.length === 0 ? 1 : 0, failed: result.findings.length }
}

const supplyChain = async (): Promise<Counts> => {
  const [audited, tested] = [await audit(), await runFolder('supply-chain')]
  return { passed: audited.passed + tested.passed, failed: audited.failed + tested.failed }
}

const stages: readonly Stage[] = [
  ...['access', 'fuzz', 'uploads', 'documents'].map((name) => ({
    name,
    run: () => runFolder(name),
  })),
  { name: 'supply-chain', run: supplyChain },
]

await runStages(stages)
