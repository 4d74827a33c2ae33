import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePort } from '../../local/free-port.ts'
import { type EngineProcess, startEngine } from '../../tests/support/engines/process.ts'

export const root = fileURLToPath(new URL('../..', import.meta.url))

const START_TIMEOUT_MS = 5 * 60_000

/** A folder for a hub's data, which no hub has seen yet. */
export const dataFolder = async (): Promise<{ readonly path: string; remove(): Promise<void> }> => {
  const path = await mkdtemp(join(tmpdir(), 'hub-bench-'))
  return { path, remove: () => rm(path, { recursive: true, force: true }) }
}

/** A whole hub with its embedded parts, as `npm start` runs it, but without the sample course. */
export const startHubIn = async (
  dataDir: string,
): Promise<{
  readonly process: EngineProcess
  readonly url: string
  readonly seconds: number
}> => {
  const port = await freePort()
  const url = `http://localhost:${port}`
  const startedAt = performance.now()
  const process = await startEngine({
    program: globalThis.process.execPath,
    args: ['--disable-warning=ExperimentalWarning', join(root, 'local', 'main.ts')],
    environment: { PORT: String(port), HUB_DATA: dataDir, HUB_SAMPLE: 'off' },
    cwd: root,
    ready: async () => {
      const { status } = await fetch(`${url}/health`)
      if (status !== 200) throw new Error(`it answers ${status}`)
    },
    readyTimeoutMs: START_TIMEOUT_MS,
  })
  return { process, url, seconds: (performance.now() - startedAt) / 1_000 }
}
