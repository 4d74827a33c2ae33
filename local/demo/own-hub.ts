import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { freePort } from '../free-port.ts'
import { until } from './until.ts'

export type BorrowedHub = { readonly url: string; giveBack(): Promise<void> }

const DEFAULT_URL = 'http://localhost:8080'
const START_TIMEOUT_MS = 180_000

/**
 * The hub at `hubUrl`, else the one on the default port, else one of our own on a free port, which ends with us.
 *
 * @throws an Error when a hub that was named does not answer, or one of our own does not start.
 */
export const borrowHub = async ({
  root,
  hubUrl,
  say,
}: {
  root: string
  hubUrl: string | undefined
  say: (line: string) => void
}): Promise<BorrowedHub> => {
  const url = hubUrl?.replace(/\/$/, '') ?? DEFAULT_URL
  if (await isReady(url)) return { url, giveBack: async () => {} }
  if (hubUrl) throw new Error(`No hub answers at ${hubUrl}.`)
  say('No hub is running: starting one for the time of the demo.')
  return startOwnHub(root)
}

/** A hub on a free port, without the sample course, which ends with us; `environment` says what else is special. */
export const startOwnHub = async (
  root: string,
  environment: Readonly<Record<string, string>> = {},
): Promise<BorrowedHub> => {
  const port = await freePort()
  const url = `http://localhost:${port}`
  const quiet = '--disable-warning=ExperimentalWarning'
  const child = spawn(
    process.execPath,
    [
      quiet,
      join(root, 'local', 'leash.ts'),
      '5000',
      process.execPath,
      quiet,
      join(root, 'local', 'main.ts'),
    ],
    {
      env: { ...process.env, ...environment, PORT: String(port), HUB_SAMPLE: 'off' },
      stdio: ['pipe', 'ignore', 'pipe'],
    },
  )
  let said = ''
  child.stderr.on('data', (chunk: Buffer) => {
    said = chunk.toString().trim() || said
  })
  const exited = new Promise<number | null>((resolve) => child.once('exit', resolve))
  let ended = false
  void exited.then(() => {
    ended = true
  })
  await until(
    'the hub to start',
    async () => {
      if (ended) throw new Error(said || 'The hub ended while it was starting.')
      return (await isReady(url)) || undefined
    },
    { timeoutMs: START_TIMEOUT_MS },
  )
  return {
    url,
    giveBack: async () => {
      child.stdin.end()
      await exited
    },
  }
}

const isReady = (url: string): Promise<boolean> =>
  fetch(`${url}/health`).then(
    ({ ok }) => ok,
    () => false,
  )
