import { once } from 'node:events'
import { mkdir } from 'node:fs/promises'
import { createConnection } from 'node:net'
import { join } from 'node:path'
import { freePort } from '../../../local/postgres/postgres.ts'
import { eventually } from '../eventually.ts'
import { engineFolder } from './folder.ts'
import { type EngineProcess, startEngine } from './process.ts'
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
  flush(): Promise<void>
  stop(): Promise<void>
}

/** One real Redis, which keeps nothing on disk. */
export const startRedis = (): Promise<RedisEngine> => start({ shards: 1, clusterArgs: [] })

/** A real Redis cluster of three shards without replicas: a killed shard's slots stay away until it is back. */
export const startRedisCluster = async (): Promise<RedisEngine> => {
  const engine = await start({ shards: 3, clusterArgs: CLUSTER })
  const addresses = engine.nodes.map(({ port }) => `127.0.0.1:${port}`)
  await cli(['--cluster', 'create', ...addresses, '--cluster-replicas', '0', '--cluster-yes'])
  await eventually(async () => {
    for (const { port } of engine.nodes) {
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

const start = async (options: { shards: number; clusterArgs: readonly string[] }) => {
  const program = await debianProgram('redis-server', ['redis-server'])
  const folder = await engineFolder('redis')
  const launch = async (port: number): Promise<EngineProcess> => {
    const home = join(folder.path, String(port))
    await mkdir(home, { recursive: true })
    return startEngine({
      program,
      args: [
        ...['--port', String(port), '--bind', '127.0.0.1', '--dir', home],
        ...['--save', '', '--appendonly', 'no', ...options.clusterArgs],
      ],
      ready: () => expectPort(port),
    })
  }
  const nodes = await Promise.all(
    Array.from({ length: options.shards }, async () => {
      const port = await clusterPort()
      const node = { port, process: await launch(port) }
      return Object.assign(node, {
        async restart() {
          node.process = await launch(port)
        },
      })
    }),
  )
  return {
    url: `redis://127.0.0.1:${nodes[0]?.port}`,
    nodes,
    async flush() {
      for (const { port } of nodes) await cli(['-p', String(port), 'flushall'])
    },
    async stop() {
      await Promise.all(nodes.map((node) => node.process.kill()))
      await folder.remove()
    },
  }
}

const cli = (args: readonly string[]) => run('redis-cli', args)

const expectPort = async (port: number) => {
  const socket = createConnection({ port, host: '127.0.0.1' })
  try {
    await once(socket, 'connect')
  } finally {
    socket.destroy()
  }
}

const BUS_OFFSET = 10_000

/** A node of a cluster takes the port 10,000 above its own as well, so its own must be a low one. */
const clusterPort = async (): Promise<number> => {
  for (;;) {
    const port = await freePort()
    if (port + BUS_OFFSET < 65_536) return port
    const lower = port - 2 * BUS_OFFSET
    if (await isFree(lower)) return lower
  }
}

const isFree = (port: number) =>
  expectPort(port).then(
    () => false,
    () => true,
  )
