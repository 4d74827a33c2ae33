import { once } from 'node:events'
import { mkdir } from 'node:fs/promises'
import { createConnection } from 'node:net'
import { join } from 'node:path'
import { freePort } from '../../../local/free-port.ts'
import { eventually } from '../eventually.ts'
import type { Certificate } from './certificate.ts'
import { engineFolder } from './folder.ts'
import { type EngineProcess, startEngine } from './process.ts'
import { startTogether } from './together.ts'
import { debianProgram, run } from './toolbox.ts'

export type RedisNode = {
  readonly port: number
  readonly process: EngineProcess
  /** An empty node in the place of one that was killed. */
  restart(): Promise<void>
}

export type RedisEngine = {
  /** For REDIS_URL: the first node; a cluster's client finds the others by it. */
  readonly url: string
  readonly nodes: readonly RedisNode[]
  /** Runs redis-cli. @returns what it says. */
  cli(args: readonly string[]): Promise<string>
  flush(): Promise<void>
  stop(): Promise<void>
}

/** One real Redis, which keeps nothing on disk. */
export const startRedis = (): Promise<RedisEngine> =>
  start({ shards: 1, serverArgs: [], cliArgs: [], urlOf: plainUrl })

/**
 * A real Redis cluster of three shards without replicas: a killed shard's slots stay away until it is back.
 *
 * @param certificate clients come through TLS and with a password then, as to ElastiCache.
 */
export const startRedisCluster = async (certificate?: Certificate): Promise<RedisEngine> => {
  const secured = certificate && securityOf(certificate)
  const engine = await start({
    shards: 3,
    serverArgs: [...CLUSTER, ...(secured?.serverArgs ?? [])],
    cliArgs: secured?.cliArgs ?? [],
    urlOf: secured?.urlOf ?? plainUrl,
  })
  const { cli, nodes } = engine
  const addresses = nodes.map(({ port }) => `127.0.0.1:${port}`)
  await cli(['--cluster', 'create', ...addresses, '--cluster-replicas', '0', '--cluster-yes'])
  await eventually(async () => {
    for (const { port } of nodes) {
      const info = await cli(['-p', String(port), 'cluster', 'info'])
      if (!info.includes('cluster_state:ok')) throw new Error(info)
    }
  })
  return engine
}

const CLUSTER = [
  ...['--cluster-enabled', 'yes', '--cluster-config-file', 'nodes.conf'],
  ...['--cluster-node-timeout', '1000', '--cluster-announce-ip', '127.0.0.1'],
  ...['--cluster-require-full-coverage', 'no', '--repl-diskless-sync-delay', '0'],
]
const PASSWORD = 'hub-secret'

const plainUrl = (port: number) => `redis://127.0.0.1:${port}`

// Nodes are told of by name, since that is what a certificate is for.
const securityOf = ({ keyFile, certificateFile }: Certificate) => ({
  serverArgs: [
    ...['--tls-cert-file', certificateFile, '--tls-key-file', keyFile],
    ...['--tls-ca-cert-file', certificateFile, '--tls-auth-clients', 'no'],
    ...['--tls-cluster', 'yes', '--tls-replication', 'yes'],
    ...['--requirepass', PASSWORD, '--masterauth', PASSWORD],
    ...['--cluster-announce-hostname', 'localhost'],
    ...['--cluster-preferred-endpoint-type', 'hostname'],
  ],
  cliArgs: ['--tls', '--cacert', certificateFile, '-a', PASSWORD, '--no-auth-warning'],
  urlOf: (port: number) => `rediss://:${PASSWORD}@localhost:${port}`,
})

const start = async (options: {
  shards: number
  serverArgs: readonly string[]
  cliArgs: readonly string[]
  urlOf: (port: number) => string
}): Promise<RedisEngine> => {
  const program = await debianProgram('redis-server', ['redis-server'])
  const folder = await engineFolder('redis')
  const isSecured = options.serverArgs.includes('--tls-cert-file')
  const launch = async (port: number, busPort: number): Promise<EngineProcess> => {
    const home = join(folder.path, String(port))
    await mkdir(home, { recursive: true })
    return startEngine({
      program,
      args: [
        ...(isSecured ? ['--port', '0', '--tls-port', String(port)] : ['--port', String(port)]),
        // By itself the cluster's bus is 10,000 above, where outgoing connections have their ports.
        ...['--bind', '127.0.0.1', '--dir', home, '--cluster-port', String(busPort)],
        ...['--save', '', '--appendonly', 'no', ...options.serverArgs],
      ],
      ready: () => expectPort(port),
    })
  }
  const nodes = await startTogether(
    Array.from({ length: options.shards }, async () => {
      const [port, busPort] = [await freePort(), await freePort()]
      const node = { port, process: await launch(port, busPort) }
      return Object.assign(node, {
        async restart() {
          node.process = await launch(port, busPort)
        },
        stop: () => node.process.kill(),
      })
    }),
  )
  const cli = (args: readonly string[]) => run('redis-cli', [...options.cliArgs, ...args])
  return {
    url: options.urlOf(nodes[0]?.port ?? 0),
    nodes,
    cli,
    async flush() {
      for (const { port } of nodes) await cli(['-p', String(port), 'flushall'])
    },
    async stop() {
      await Promise.all(nodes.map((node) => node.stop()))
      await folder.remove()
    },
  }
}

const expectPort = async (port: number) => {
  const socket = createConnection({ port, host: '127.0.0.1' })
  try {
    await once(socket, 'connect')
  } finally {
    socket.destroy()
  }
}
