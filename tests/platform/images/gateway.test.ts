import { generateKeyPairSync } from 'node:crypto'
import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import * as z from 'zod'
import { freePort } from '../../../local/free-port.ts'
import { type EngineProcess, startEngine } from '../../support/engines/process.ts'
import { run } from '../../support/engines/toolbox.ts'
import { type Buildah, openBuildah } from './buildah.ts'

// The gateway's Dockerfile, built and run: what is in the image, and that it answers.

const root = fileURLToPath(new URL('../../..', import.meta.url))
const DOCKERFILE = 'eks-workloads/gateway/Dockerfile'
const IMAGE = 'learning-hub/api-gateway:check'
const USER = 10_001
/** Beyond the base: bundle, its map, the API's description. It was 12.5 MB when this was written. */
const OWN_BYTES_MAX = 16_000_000

const inspectedSchema = z.object({
  Docker: z.object({
    config: z.object({
      User: z.string(),
      ExposedPorts: z.record(z.string(), z.unknown()),
      Cmd: z.array(z.string()),
      WorkingDir: z.string(),
      StopSignal: z.string(),
      Healthcheck: z.object({ Test: z.array(z.string()) }),
    }),
  }),
})
type ImageConfig = z.output<typeof inspectedSchema>['Docker']['config']

let buildah: Buildah
let config: ImageConfig
let container: string
/** Its root file system. */
let mounted: string

beforeAll(async () => {
  buildah = await openBuildah()
  const ignore = ['--ignorefile', join(root, `${DOCKERFILE}.dockerignore`)]
  const form = ['--quiet', '--pull-never', '--format', 'docker', ...ignore]
  await buildah.run(['build', ...form, '--file', join(root, DOCKERFILE), '--tag', IMAGE, root])
  const inspected = await buildah.run(['inspect', '--type', 'image', IMAGE])
  config = inspectedSchema.parse(JSON.parse(inspected)).Docker.config
  container = (await buildah.run(['from', '--pull-never', IMAGE])).trim()
  mounted = (await buildah.run(['mount', container])).trim()
}, 900_000)
afterAll(() => buildah?.remove())

describe('the image of the gateway', () => {
  it('says who runs it, where it listens and how it ends', () => {
    expect(config).toMatchObject({
      User: `${USER}:${USER}`,
      ExposedPorts: { '3000/tcp': {}, '9090/tcp': {} },
      Cmd: ['node', 'server.mjs'],
      WorkingDir: '/app',
      StopSignal: 'SIGTERM',
    })
  })

  it('holds one bundle, its map and the description of the API, and no sources or packages', async () => {
    const files = await readdir(join(mounted, 'app'))
    expect(files.toSorted()).toEqual(['openapi.json', 'server.mjs', 'server.mjs.map'])
    const sizes = await Promise.all(files.map((file) => stat(join(mounted, 'app', file))))
    const bytes = sizes.reduce((sum, { size }) => sum + size, 0)
    expect(bytes).toBeLessThan(OWN_BYTES_MAX)
    expect(sizes.map(({ uid }) => uid)).toEqual([0, 0, 0])
  })
})

describe('the gateway in its image', () => {
  let gateway: EngineProcess
  let url: string

  beforeAll(async () => {
    const port = await freePort()
    url = `http://127.0.0.1:${port}`
    const { privateKey } = generateKeyPairSync('ed25519')
    const environment = {
      PORT: String(port),
      METRICS_PORT: String(await freePort()),
      // Nothing of what it needs is there: it must start and say so, and not fall over.
      INTERNAL_URL: 'https://internal.hub.test',
      PUBLIC_URL: 'https://hub.test',
      KAFKA_BROKERS: '127.0.0.1:9',
      INTERNAL_SIGNING_KEY: JSON.stringify({ ...privateKey.export({ format: 'jwk' }), kid: 'k' }),
      DRAIN_DELAY_MS: '0',
    }
    const variables = Object.entries(environment).flatMap(([name, value]) => [
      '--env',
      `${name}=${value}`,
    ])
    gateway = await startEngine({
      program: buildah.program,
      args: [...buildah.options, 'run', ...variables, container, '--', ...config.Cmd],
      environment: { BUILDAH_ISOLATION: 'chroot' },
      ready: () => fetch(`${url}/health`),
    })
  }, 60_000)
  afterAll(() => gateway?.kill())

  it('answers for its health, is not ready without keys, and describes the API', async () => {
    expect((await fetch(`${url}/health`)).status).toBe(200)
    expect((await fetch(`${url}/ready`)).status).toBe(503)
    const described = await fetch(`${url}/openapi.json`)
    expect(await described.json()).toMatchObject({ openapi: '3.1.0' })
  })

  it('is found healthy by the check of its image', async () => {
    const [, ...check] = config.Healthcheck.Test
    const port = new URL(url).port
    const probe = (at: string) =>
      buildah.run(['run', '--env', `PORT=${at}`, container, '--', ...check])
    await expect(probe(port)).resolves.toEqual(expect.any(String))
    await expect(probe('9')).rejects.toThrow('exit')
  })

  it('runs as nobody and writes nothing, so that its root can be read-only', async () => {
    const find = (args: readonly string[]) => run('find', [mounted, '-xdev', ...args])
    expect((await find(['-uid', String(USER)])).trim()).toBe('')
    const { uid } = await stat(`/proc/${await processId(new URL(url).port)}`)
    expect(uid).toBe(USER)
  })

  it('drains and ends when it is asked to', async () => {
    // buildah itself would kill it.
    process.kill(await processId(new URL(url).port), 'SIGTERM')
    expect(await gateway.exited).toBe(0)
    expect(gateway.tail()).toContain('"message":"gateway ended","isDone":true')
  })
})

/** The process within the container: the one that was given this port. */
const processId = async (port: string): Promise<number> => {
  const listed = await run('ps', ['-eo', 'pid=,args='])
  for (const line of listed.split('\n')) {
    const [, pid, program] = /^ *(\d+) (\S*node) server\.mjs$/.exec(line) ?? []
    if (program === undefined) continue
    const environment = await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '')
    if (environment.split('\0').includes(`PORT=${port}`)) return Number(pid)
  }
  throw new Error(`no process listens on ${port}`)
}
