import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll } from '@jest/globals'
import { freePort } from '../../local/free-port.ts'
import { eventually } from '../support/eventually.ts'

export const root = fileURLToPath(new URL('../..', import.meta.url))

/** With packaging, on a busy machine. */
const START_TIMEOUT_MS = 300_000
const STOP_TIMEOUT_MS = 10_000
const ATTEMPT_TIMEOUT_MS = 60_000

export type RunningHub = {
  readonly url: string
  readonly dataDir: string
  readonly child: ChildProcess
  /** All that functions, pods and parts have logged. */
  log(): Promise<string>
  /** Ctrl-C. @returns the exit code and how long it took. */
  interrupt(): Promise<{ readonly code: number | null; readonly ms: number }>
}

/** A whole hub as `npm start` runs it, on a free port and a data folder of its own. */
export const startHub = async (
  dataDir: string,
  environment: Readonly<Record<string, string>> = {},
): Promise<RunningHub> => {
  const port = await freePort()
  const url = `http://localhost:${port}`
  const child = spawn(process.execPath, [join(root, 'local', 'main.ts')], {
    cwd: root,
    env: {
      ...process.env,
      NODE_OPTIONS: '',
      PORT: String(port),
      HUB_DATA: dataDir,
      HUB_SAMPLE: 'off',
      ...environment,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let said = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => {
      said += chunk
    })
  const exited = new Promise<number | null>((resolve) => child.once('exit', resolve))
  let hasEnded = false
  void exited.then(() => {
    hasEnded = true
  })
  const ready = eventually(
    async () => {
      // Whoever waits has been told (`ended`): no reason to go on asking.
      if (hasEnded) return
      const { status } = await fetch(`${url}/health`)
      if (status !== 200) throw new Error(`the hub is not ready: ${said}`)
    },
    { timeoutMs: START_TIMEOUT_MS },
  )
  const ended = exited.then(() => {
    throw new Error(`the hub ended: ${said}`)
  })
  await Promise.race([ready, ended])
  ready.catch(() => {})
  ended.catch(() => {})
  return {
    url,
    dataDir,
    child,
    log: () => readFile(join(dataDir, 'logs', 'hub.log'), 'utf8'),
    interrupt: async () => {
      const startedAt = performance.now()
      child.kill('SIGINT')
      const code = await Promise.race([exited, failAfter(STOP_TIMEOUT_MS)])
      return { code, ms: performance.now() - startedAt }
    },
  }
}

/** `npm start` where it cannot succeed. @returns its exit code and what it says on standard error, by lines. */
export const attemptStart = async (environment: Readonly<Record<string, string>>) => {
  const { status, stderr } = spawnSync(process.execPath, [join(root, 'local', 'main.ts')], {
    cwd: root,
    env: {
      ...process.env,
      NODE_OPTIONS: '--no-warnings',
      HUB_SAMPLE: 'off',
      PORT: String(await freePort()),
      ...environment,
    },
    encoding: 'utf8',
    timeout: ATTEMPT_TIMEOUT_MS,
  })
  return { status, lines: stderr.trim().split('\n') }
}

/** One hub for a test file. */
export const useHub = (environment: Readonly<Record<string, string>> = {}) => {
  const state: { hub: RunningHub | undefined; dataDir: string } = { hub: undefined, dataDir: '' }
  beforeAll(async () => {
    state.dataDir = await mkdtemp(join(tmpdir(), 'hub-flow-'))
    state.hub = await startHub(state.dataDir, environment)
  }, START_TIMEOUT_MS)
  afterAll(async () => {
    await state.hub?.interrupt()
    await rm(state.dataDir, { recursive: true, force: true })
  }, STOP_TIMEOUT_MS * 2)
  return {
    get hub(): RunningHub {
      if (!state.hub) throw new Error('the hub has not started')
      return state.hub
    },
  }
}

const failAfter = (timeoutMs: number): Promise<never> =>
  new Promise((_, reject) => {
    setTimeout(() => reject(new Error(`not ended within ${timeoutMs} ms`)), timeoutMs).unref()
  })
