import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { exportJWK, generateKeyPair } from 'jose'
import { producersHeard } from '../../eks-workloads/gateway/reactions.ts'
import { freePort } from '../../local/free-port.ts'
import { startPostgres } from '../../local/postgres/postgres.ts'
import { ensureEventLog } from '../../shared/bus/embedded/ensure.ts'
import { busSchema, openBus } from '../../shared/bus/open.ts'
import { topicOf } from '../../shared/events/topics.ts'
import { silentLog } from '../../shared/observe/logger.ts'
import { startEngine } from '../../tests/support/engines/process.ts'
import { type Callers, PUBLIC_URL } from './callers.ts'
import { startUpstream } from './upstream.ts'

const server = fileURLToPath(new URL('../../eks-workloads/gateway/server.ts', import.meta.url))

/**
 * The gateway's own process with an event log to listen to, as `npm start` runs it; its log goes into a file.
 *
 * @param options limits are calls a minute and caller.
 */
export const startGateway = async (
  people: Callers,
  options: { readonly limit: number; readonly strictLimit: number },
): Promise<{ readonly url: string; readonly pid: number; stop(): Promise<void> }> => {
  const folder = await mkdtemp(join(tmpdir(), 'hub-bench-'))
  const postgres = await startPostgres({ dataDir: join(folder, 'postgres'), durable: false })
  const eventLogUrl = await ensureEventLog({
    databaseUrl: postgres.url('postgres'),
    rolePassword: 'bench',
  })
  await createTopics(eventLogUrl)
  const upstream = await startUpstream(people)
  const { privateKey } = await generateKeyPair('EdDSA', { extractable: true })
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const gateway = await startEngine({
    program: 'sh',
    args: [
      ...['-c', 'log="$1"; shift; exec "$@" > "$log"', 'sh', join(folder, 'log')],
      ...[process.execPath, ...NODE_ARGS, server],
    ],
    environment: {
      PORT: String(port),
      HOST: '127.0.0.1',
      INTERNAL_URL: upstream.url,
      PUBLIC_URL,
      INTERNAL_SIGNING_KEY: JSON.stringify({ ...(await exportJWK(privateKey)), kid: 'internal' }),
      EVENT_LOG_URL: eventLogUrl,
      CORS_ORIGINS: PUBLIC_URL,
      TRUSTED_HOPS: '1',
      DRAIN_DELAY_MS: '0',
      RATE_DEFAULT: String(options.limit),
      RATE_MEDIA: String(options.strictLimit),
    },
    ready: async () => {
      const { ok } = await fetch(`${url}/ready`)
      if (!ok) throw new Error('not ready')
    },
  })
  return {
    url,
    pid: gateway.pid,
    async stop() {
      await gateway.stop()
      await upstream.stop()
      await postgres.stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** `BENCH_CPU_PROF`: a folder for the process's CPU profile. */
const NODE_ARGS = [
  '--disable-warning=ExperimentalWarning',
  ...(process.env.BENCH_CPU_PROF
    ? ['--cpu-prof', `--cpu-prof-dir=${process.env.BENCH_CPU_PROF}`]
    : []),
]

const createTopics = async (eventLogUrl: string): Promise<void> => {
  const bus = await openBus(busSchema.parse({ EVENT_LOG_URL: eventLogUrl }), { log: silentLog })
  await bus.ensureTopics(producersHeard.map(topicOf), { partitions: 1 })
  await bus.close()
}
