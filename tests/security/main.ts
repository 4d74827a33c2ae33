import { fileURLToPath } from 'node:url'
import { type Counts, runJest, runStages, type Stage } from '../support/stages.ts'
import { auditProduction } from './supply-chain/audit.ts'

// `npm run test:security [-- NAME …]`: what strangers, other tenants and hostile files get. Each stage starts what it
// needs.

const root = fileURLToPath(new URL('../..', import.meta.url))

/** An audit that nobody answers counts as neither: it says so, and what can be checked without it is checked. */
const audit = async (): Promise<Counts> => {
  const result = await auditProduction(root)
  if (!result.answered) {
    console.log(`not checked  known vulnerabilities: npm audit was not answered (${result.reason})`)
    return { passed: 0, failed: 0 }
  }
  for (const finding of result.findings) console.log(`  ${finding}`)
  return { passed: result.findings.length === 0 ? 1 : 0, failed: result.findings.length }
}

const sumOf = (counts: readonly Counts[]): Counts => ({
  passed: counts.reduce((sum, { passed }) => sum + passed, 0),
  failed: counts.reduce((sum, { failed }) => sum + failed, 0),
})

const stages: readonly Stage[] = [
  { name: 'access', run: () => runJest(['tests/security/access/']) },
  {
    name: 'supply-chain',
    run: async () => sumOf([await audit(), await runJest(['tests/security/supply-chain/'])]),
  },
]

await runStages(stages)
