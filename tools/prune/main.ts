import { parseArgs } from 'node:util'
import { LambdaClient } from '@aws-sdk/client-lambda'
import * as z from 'zod'
import { deleteVersions, outdatedVersions } from './versions.ts'

// `npm run prune -- --stage STAGE [--keep N] [--plan]`: deletes old versions of a stage's functions, which else fill the 75 GB
// that Lambda keeps of an account's code. The newest five stay, and every one that an alias sends calls to.

const flagsSchema = z.strictObject({
  stage: z.string().regex(/^[a-z][a-z0-9-]*$/),
  keep: z.coerce.number().int().min(1).max(100).default(5),
  plan: z.boolean().default(false),
})

const OPTIONS = {
  stage: { type: 'string' },
  keep: { type: 'string' },
  plan: { type: 'boolean' },
} as const

const ATTEMPTS_MAX = 8

const readFlags = () => {
  try {
    return flagsSchema.parse(parseArgs({ options: OPTIONS }).values)
  } catch {
    throw new Error('It takes --stage STAGE, --keep N with N from 1 to 100, and --plan.')
  }
}

const main = async () => {
  const { stage, keep, plan } = readFlags()
  // Lambda answers few such calls a second.
  const lambda = new LambdaClient({ maxAttempts: ATTEMPTS_MAX, retryMode: 'adaptive' })
  const outdated = await outdatedVersions(lambda, { prefix: `learning-hub-${stage}-`, keep })
  for (const { functionName, version } of outdated) console.log(`${functionName} ${version}`)
  if (!plan) await deleteVersions(lambda, outdated)
  console.log(`${outdated.length} version(s) ${plan ? 'to delete' : 'deleted'}.`)
}

try {
  await main()
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error))
  process.exit(1)
}
