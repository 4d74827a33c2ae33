import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as z from 'zod'
import { runCommand, tailOf } from '../../support/command.ts'
import { type PythonPackages, pythonPackages } from '../../support/engines/toolbox.ts'

const VERSION = '4.32.5'
const REQUEST_SECONDS_MAX = 60

/**
 * What an answer must hold: a status that the operation declares, its media type, its headers and its schema. A 500 or
 * 502 is declared nowhere; 503 and 504 are refusals with a code.
 */
const CHECKS = [
  'status_code_conformance',
  'content_type_conformance',
  'response_headers_conformance',
  'response_schema_conformance',
]

/** What ends the very session that asks would only prove 401 from then on. */
const ENDS_THE_SESSION = 'signOut|revokeOtherSessions|deactivateSelf|revokeSession$|changePassword'

export const installSchemathesis = (): Promise<PythonPackages> =>
  pythonPackages('schemathesis', [`schemathesis==${VERSION}`])

export type FuzzOptions = {
  readonly schemathesis: PythonPackages
  readonly document: string
  readonly url: string
  readonly token: string | undefined
  readonly seed: number
  /** Examples for an operation, at most. */
  readonly examplesMax: number
  /** Every combination of boundary values as well: the long form. */
  readonly withBoundaries: boolean
}

export type FuzzResult = {
  /** One line for each kind of failure of an operation. */
  readonly failures: readonly string[]
  readonly exercised: ReadonlySet<string>
  readonly requests: number
  readonly output: string
}

const entrySchema = z.object({
  request: z.object({ method: z.string(), url: z.string() }),
  response: z.object({ status: z.number() }),
})
const harSchema = z.object({ log: z.object({ entries: z.array(entrySchema) }) })

/** One run of Schemathesis over every operation, as the holder of a token or as nobody. */
export const fuzz = async (options: FuzzOptions): Promise<FuzzResult> => {
  const folder = await mkdtemp(join(tmpdir(), 'hub-fuzz-'))
  try {
    const harPath = join(folder, 'sent.har')
    const output = await runPython(options, harPath, folder)
    const { log } = harSchema.parse(JSON.parse(await readFile(harPath, 'utf8')))
    const sent = log.entries.map(({ request }) => {
      const path = new URL(request.url).pathname
      return `${request.method} ${path}`
    })
    return {
      failures: failuresIn(output),
      exercised: new Set(sent),
      requests: sent.length,
      output,
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

const runPython = async (
  { schemathesis, document, url, token, seed, examplesMax, withBoundaries }: FuzzOptions,
  harPath: string,
  cwd: string,
): Promise<string> => {
  const { python, folder } = schemathesis
  // One worker: before 3.11.8 and 3.12.2 CPython's `ast.parse` fails in threads (python/cpython#106905), and
  // Hypothesis parses while it generates.
  const args = [
    ...['-m', 'schemathesis.cli', 'run', document, '--url', url],
    ...['--checks', CHECKS.join(','), '--seed', String(seed), '--workers', '1'],
    ...['--phases', withBoundaries ? 'examples,coverage,fuzzing' : 'examples,fuzzing'],
    ...['--max-examples', String(examplesMax), '--continue-on-failure', '--no-shrink'],
    ...['--request-timeout', String(REQUEST_SECONDS_MAX), '--request-retries', '2'],
    ...['--suppress-health-check', 'all'],
    ...['--exclude-operation-id-regex', ENDS_THE_SESSION, '--warnings', 'off', '--no-color'],
    ...['--report', 'har', '--report-har-path', harPath],
    ...(token ? ['--header', `Authorization: Bearer ${token}`] : []),
  ]
  const { code, said } = await runCommand(python, args, {
    cwd,
    environment: { PYTHONPATH: folder },
  })
  // 1 where it found failures; anything else means that it did not run to its end.
  if (code === 0 || code === 1) return said
  throw new Error(`schemathesis ended with ${code}: ${tailOf(said)}`)
}

/**
 * Failures as Schemathesis prints them: a rule with the operation, then `- <what is wrong>` for each; and errors, each a
 * rule with the operation that could not be asked.
 */
export const failuresIn = (output: string): readonly string[] => {
  let section = ''
  let operation = ''
  const failures = new Set<string>()
  for (const line of output.split('\n')) {
    section = /^=+ (.+?) =+$/.exec(line)?.[1] ?? section
    const heading = /^_{3,} (.+?) _{3,}$/.exec(line)?.[1]
    operation = heading ?? operation
    if (section === 'ERRORS' && heading) failures.add(`${heading}: could not be asked`)
    const wrong = /^- (.+)$/.exec(line.trim())?.[1]
    if (section === 'FAILURES' && wrong) failures.add(`${operation}: ${wrong}`)
  }
  return [...failures]
}
