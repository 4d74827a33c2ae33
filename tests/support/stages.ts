import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { CommandError, runCommand, tailOf } from './command.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
/** Longer than any stage takes on a new machine, where it makes its tools first. */
const STAGE_TIMEOUT_MS = 25 * 60_000

export type Counts = { readonly passed: number; readonly failed: number }

/** A part of a long suite: it starts the engines it needs, runs, and stops them. */
export type Stage = {
  /** `part`, or `group:part`, which answers to the group's name, too. */
  readonly name: string
  /** @throws where the stage could not run at all, which fails it. */
  run(): Promise<Counts>
}

/**
 * Runs the stages one after the other, or only those named; whatever one says, the others have their turn. Ends the
 * process, with the line `N passed, N failed` and an exit code that says the same.
 */
export const runStages = async (
  stages: readonly Stage[],
  only: readonly string[] = process.argv.slice(2),
): Promise<never> => {
  const unknown = only.filter((name) => !stages.some((stage) => isNamed(stage, name)))
  if (unknown.length > 0) {
    const known = stages.map(({ name }) => name).join(', ')
    console.error(`There is no ${unknown.join(', ')}; there are: ${known}.`)
    process.exit(2)
  }
  const sum = { passed: 0, failed: 0 }
  for (const stage of stages) {
    if (only.length > 0 && !only.some((name) => isNamed(stage, name))) continue
    const { name } = stage
    const startedAt = performance.now()
    const { passed, failed } = await inTime(stage.run()).catch((error: unknown) => {
      console.error(error)
      return { passed: 0, failed: 1 }
    })
    sum.passed += passed
    sum.failed += failed
    const seconds = ((performance.now() - startedAt) / 1_000).toFixed(0)
    const verdict = failed === 0 && passed > 0 ? 'ok    ' : 'failed'
    console.log(`${verdict}  ${name}: ${passed} passed, ${failed} failed (${seconds} s)`)
    // A stage that ran nothing proves nothing.
    if (passed + failed === 0) sum.failed += 1
  }
  console.log(`${sum.passed} passed, ${sum.failed} failed`)
  process.exit(sum.failed === 0 ? 0 : 1)
}

// What hangs is left behind: the engines that it started end with this process.
const inTime = async <Value>(work: Promise<Value>): Promise<Value> => {
  const { promise: late, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(
    () => reject(new Error(`not over after ${STAGE_TIMEOUT_MS / 60_000} minutes`)),
    STAGE_TIMEOUT_MS,
  )
  return Promise.race([work, late]).finally(() => clearTimeout(timer))
}

const isNamed = (stage: Stage, name: string): boolean =>
  stage.name === name || stage.name.startsWith(`${name}:`)

/**
 * Runs jest over paths (regular expressions over file names), with an environment that puts a real engine in the place
 * of an embedded part. Its output is shown only where something failed.
 */
export const runJest = async (
  paths: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<Counts> => {
  const folder = await mkdtemp(join(tmpdir(), 'hub-jest-'))
  const outputFile = join(folder, 'result.json')
  const args = [
    ...['--experimental-vm-modules', '--disable-warning=ExperimentalWarning'],
    // kafkajs sets a timer for the past.
    '--disable-warning=TimeoutNegativeWarning',
    ...[join(root, 'node_modules/jest/bin/jest.js'), '-c', join(root, 'jest.suites.mjs')],
    ...['--json', '--outputFile', outputFile, ...paths],
  ]
  try {
    // With --json the report goes to standard output, too, and the readable words to standard error.
    const { error, unended } = await runCommand(process.execPath, args, { environment, cwd: root })
      .then((ended) => ({ error: ended.error, unended: 0 }))
      .catch((late: unknown) => {
        if (!(late instanceof CommandError)) throw late
        return { error: late.message, unended: 1 }
      })
    // What jest could report counts, even where something that a test left open kept it from ending.
    const result = JSON.parse(await readFile(outputFile, 'utf8').catch(() => '{}'))
    const passed = result.numPassedTests ?? 0
    const failed = (result.numFailedTests ?? 0) + (result.numRuntimeErrorTestSuites ?? 0) + unended
    if (failed > 0 || passed === 0) console.log(tailOf(error))
    return { passed, failed: passed === 0 ? Math.max(failed, 1) : failed }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
