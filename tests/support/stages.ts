import { spawn } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))
const OUTPUT_LINES_KEPT = 150

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
    const { passed, failed } = await stage.run().catch((error: unknown) => {
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
  try {
    const output = await runNode(
      [
        ...['--experimental-vm-modules', '--disable-warning=ExperimentalWarning'],
        // kafkajs sets a timer for the past.
        '--disable-warning=TimeoutNegativeWarning',
        ...[join(root, 'node_modules/jest/bin/jest.js'), '-c', join(root, 'jest.suites.mjs')],
        ...['--json', '--outputFile', outputFile, ...paths],
      ],
      environment,
    )
    const result = JSON.parse(await readFile(outputFile, 'utf8').catch(() => '{}'))
    const failed = (result.numFailedTests ?? 0) + (result.numRuntimeErrorTestSuites ?? 0)
    const passed = result.numPassedTests ?? 0
    if (failed > 0 || passed === 0)
      console.log(output.split('\n').slice(-OUTPUT_LINES_KEPT).join('\n'))
    return { passed, failed: passed === 0 ? Math.max(failed, 1) : failed }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

const runNode = (
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
): Promise<string> =>
  new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, {
      cwd: root,
      env: { ...process.env, ...environment },
      // With --json the report goes to standard output and the readable words to standard error.
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    let output = ''
    child.stderr.on('data', (chunk: Buffer) => {
      output += chunk
    })
    child.once('error', reject)
    child.once('close', () => resolve(output))
  })
