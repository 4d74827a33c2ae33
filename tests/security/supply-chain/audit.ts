import { execFile } from 'node:child_process'
import * as z from 'zod'
import { ADVISORY_EXCEPTIONS } from './exceptions.ts'

const reportSchema = z.object({
  vulnerabilities: z.record(
    z.string(),
    z.object({
      severity: z.string(),
      via: z.array(z.union([z.string(), z.object({ url: z.string(), title: z.string() })])),
    }),
  ),
})

export type Audit =
  | { readonly answered: true; readonly findings: readonly string[] }
  /** The registry does not answer audits: nothing is known, which is not the same as nothing found. */
  | { readonly answered: false; readonly reason: string }

const AUDIT_MS_MAX = 120_000

/** What the registry knows against our production dependencies, without what is excepted. */
export const auditProduction = async (root: string): Promise<Audit> =>
  readAudit(
    await new Promise((resolve) => {
      const args = ['audit', '--omit=dev', '--json', '--audit']
      // It ends with 1 when it finds something: what it says counts, not how it ends.
      execFile('npm', args, { cwd: root, timeout: AUDIT_MS_MAX }, (_error, stdout, stderr) =>
        resolve(stdout || stderr),
      )
    }),
  )

/** Reads what `npm audit --json` prints. */
export const readAudit = (output: string): Audit => {
  const json = jsonIn(output)
  const report = reportSchema.safeParse(json)
  if (!report.success) return { answered: false, reason: reasonIn(json) }
  const findings = Object.entries(report.data.vulnerabilities).flatMap(
    ([name, { via, severity }]) =>
      via.flatMap((advisory) => {
        // A text names another package of the list, which has its own line.
        if (typeof advisory === 'string') return []
        const id = advisory.url.split('/').at(-1) ?? ''
        return id in ADVISORY_EXCEPTIONS ? [] : [`${severity} ${name}: ${advisory.title} (${id})`]
      }),
  )
  return { answered: true, findings }
}

const jsonIn = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

// The registry's address stays out: it is the machine's business.
const reasonIn = (json: unknown): string => {
  const { statusCode, message } = z
    .object({ statusCode: z.number().optional(), message: z.string().default('no report') })
    .catch({ message: 'no report' })
    .parse(json)
  return statusCode === undefined ? (message.split(' - ')[0] ?? message) : `HTTP ${statusCode}`
}
