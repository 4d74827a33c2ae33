import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { HubConfig } from './config.ts'
import type { HubLog } from './log.ts'
import type { Secrets } from './secrets.ts'

export type Pod = { stop(): Promise<void>; readonly exited: Promise<number | null> }

const DRAIN_MS = 2_000
const READY_TIMEOUT_MS = 60_000
const READY_POLL_MS = 50

/** The gateway pod, between the public balancer and the internal one. */
export const startGateway = async ({
  config,
  url,
  publicUrl,
  internalUrl,
  secrets,
  eventLog,
  hubLog,
}: {
  config: HubConfig
  /** Where it shall listen. */
  url: string
  publicUrl: string
  internalUrl: string
  secrets: Secrets
  /** The variables by which it finds the event log. */
  eventLog: Readonly<Record<string, string>>
  hubLog: HubLog
}): Promise<Pod> =>
  startPod({
    root: config.root,
    name: 'gateway',
    url,
    onLog: (line) => hubLog.write('gateway', line),
    environment: {
      PORT: new URL(url).port,
      HOST: '127.0.0.1',
      INTERNAL_URL: internalUrl,
      PUBLIC_URL: publicUrl,
      INTERNAL_SIGNING_KEY: JSON.stringify(secrets.internalKey),
      CORS_ORIGINS: publicUrl,
      TRUSTED_HOPS: '1',
      // Nobody else sends to this gateway once its balancer has stopped.
      DRAIN_DELAY_MS: '0',
      DRAIN_MS_MAX: '1500',
      ...config.rates,
      ...eventLog,
      ...(config.redis && {
        REDIS_URL: config.redis.url,
        REDIS_CLUSTER: String(config.redis.isCluster),
      }),
    },
  })

/**
 * Runs a pod's `server.ts` as its own process, as EKS would: configured by its environment, ended by SIGTERM. It never
 * outlives the hub, however that ends (local/leash.ts).
 */
const startPod = async (options: {
  readonly root: string
  readonly name: string
  readonly url: string
  readonly environment: Readonly<Record<string, string>>
  readonly onLog: (line: string) => void
}): Promise<Pod> => {
  const { root, name } = options
  const server = join(root, 'eks-workloads', name, 'server.ts')
  const quiet = '--disable-warning=ExperimentalWarning'
  const leash = join(root, 'local', 'leash.ts')
  const child = spawn(
    process.execPath,
    [quiet, leash, String(DRAIN_MS), process.execPath, quiet, server],
    { env: { PATH: process.env.PATH, ...options.environment }, stdio: ['pipe', 'pipe', 'pipe'] },
  )
  const tail = keepLines(child, options.onLog)
  const exited = new Promise<number | null>((resolve) => child.once('exit', resolve))
  const stop = async () => {
    child.stdin?.end()
    await exited
  }
  const first = await Promise.race([ready(`${options.url}/ready`), exited])
  if (first !== true) {
    await stop()
    throw new Error(`The ${name} did not start: ${tail() || 'no output'}`)
  }
  return { stop, exited }
}

const ready = async (url: string): Promise<boolean> => {
  const deadline = performance.now() + READY_TIMEOUT_MS
  while (performance.now() < deadline) {
    const isReady = await fetch(url).then(
      (response) => response.ok,
      () => false,
    )
    if (isReady) return true
    await delay(READY_POLL_MS)
  }
  return false
}

const keepLines = (child: ChildProcess, onLog: (line: string) => void): (() => string) => {
  let last = ''
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (chunk: Buffer) => {
      for (const line of chunk.toString().split('\n').filter(Boolean)) {
        last = line
        onLog(line)
      }
    })
  return () => last
}
