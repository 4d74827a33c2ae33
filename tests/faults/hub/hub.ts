import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { openApi } from '../../../local/demo/api.ts'
import { meet, type Person } from '../../../local/demo/people.ts'
import { freePort } from '../../../local/free-port.ts'
import { SAMPLE_ADMIN_EMAIL } from '../../../local/hub/hub.ts'
import { ownerUrlIn } from '../../../local/hub/owner-url.ts'
import { courseContract } from '../../../shared/contracts/course.ts'
import { type EngineProcess, startEngine } from '../../support/engines/process.ts'
import { eventually } from '../../support/eventually.ts'
import type { RowContext } from '../fault-row.ts'

export const root = fileURLToPath(new URL('../../..', import.meta.url))

const START_TIMEOUT_MS = 240_000
const ROLE_TIMEOUT_MS = 60_000

/** A whole hub as `npm start` runs it, with its gateway, functions, workflows and embedded parts. */
export type FaultHub = {
  readonly url: string
  readonly dataDir: string
  process(): EngineProcess
  /** Starts it again on its folder, after it was killed. */
  restart(): Promise<void>
  /** Somebody who may create courses, signed in anew. */
  admin(): Promise<Person>
  /** As the database's owner. */
  query<Row extends pg.QueryResultRow>(text: string, values?: unknown[]): Promise<Row[]>
}

export const openHub = async (
  context: RowContext,
  environment: Readonly<Record<string, string>> = {},
): Promise<FaultHub> => {
  const dataDir = await mkdtemp(join(tmpdir(), 'hub-faults-hub-'))
  context.defer(() => rm(dataDir, { recursive: true, force: true }))
  const port = await freePort()
  const url = `http://localhost:${port}`
  const launchOnce = () =>
    startEngine({
      program: process.execPath,
      args: ['--disable-warning=ExperimentalWarning', join(root, 'local', 'main.ts')],
      environment: {
        ...{ PORT: String(port), HUB_DATA: dataDir, HUB_SAMPLE: 'off', NODE_OPTIONS: '' },
        ...environment,
      },
      ready: async () => {
        const { status } = await fetch(`${url}/health`)
        if (status !== 200) throw new Error('the hub is not ready')
      },
      readyTimeoutMs: START_TIMEOUT_MS,
    })
  // Its gateway has 20 s to answer, which a machine that is busy with other rows may not give it at once.
  const launch = () => eventually(launchOnce, { timeoutMs: START_TIMEOUT_MS })
  let running = await launch()
  context.defer(() => running.stop())
  return {
    url,
    dataDir,
    process: () => running,
    async restart() {
      running = await launch()
    },
    admin: () => signInAdmin(url),
    query: (text, values) =>
      eventually(() => ask(dataDir, text, values), { timeoutMs: ROLE_TIMEOUT_MS }) as never,
  }
}

const signInAdmin = async (url: string): Promise<Person> => {
  const admin = await eventually(
    () => meet({ api: openApi(url), url }, { name: 'Ada', email: SAMPLE_ADMIN_EMAIL }),
    { timeoutMs: ROLE_TIMEOUT_MS },
  )
  // The grant of the first administrator travels by events.
  await eventually(
    () => admin.api.call(courseContract, 'createCourse', { body: { title: 'First' } }),
    { timeoutMs: ROLE_TIMEOUT_MS },
  )
  return admin
}

const ask = async (dataDir: string, text: string, values: unknown[] = []) => {
  const client = new pg.Client({ connectionString: await ownerUrlIn(dataDir) })
  await client.connect()
  try {
    return (await client.query(text, values)).rows
  } finally {
    await client.end()
  }
}
