import { type ChildProcess, spawn } from 'node:child_process'
import { createServer } from 'node:http'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals'
import { exportJWK, generateKeyPair, type JWK } from 'jose'
import { ensureEventLog } from '../../shared/bus/embedded/ensure.ts'
import { busSchema, openBus } from '../../shared/bus/open.ts'
import { topicOf } from '../../shared/events/topics.ts'
import { silentLog } from '../../shared/observe/logger.ts'
import { ROLE_PASSWORD, useDatabase } from '../../tests/support/database.ts'
import { eventually } from '../../tests/support/eventually.ts'
import { aSigningKey, type Behind, closeServer, startBehind, urlOf } from './fixtures/hub.ts'
import { producersHeard } from './reactions.ts'

// The process itself, as Kubernetes or `npm start` runs it.
const program = fileURLToPath(new URL('server.ts', import.meta.url))
const database = useDatabase()
let eventLogUrl: string
let behind: Behind
let signingKey: JWK
const children: ChildProcess[] = []

beforeAll(async () => {
  eventLogUrl = await ensureEventLog({ databaseUrl: database.url, rolePassword: ROLE_PASSWORD })
  const bus = await openBus(busSchema.parse({ EVENT_LOG_URL: eventLogUrl }), { log: silentLog })
  await bus.ensureTopics(producersHeard.map(topicOf), { partitions: 1 })
  await bus.close()
  const pair = await generateKeyPair('EdDSA', { extractable: true })
  signingKey = { ...(await exportJWK(pair.privateKey)), kid: 'internal' }
  behind = await startBehind({ ...(await exportJWK(pair.publicKey)), kid: 'internal' })
  behind.keys = [(await aSigningKey('key-1')).jwk]
})

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
})
afterAll(() => behind.close())

const run = (environment: Record<string, string> = {}) => {
  const child = spawn(process.execPath, [program], {
    env: {
      INTERNAL_URL: behind.url,
      PUBLIC_URL: 'http://hub.test',
      INTERNAL_SIGNING_KEY: JSON.stringify(signingKey),
      EVENT_LOG_URL: eventLogUrl,
      PORT: '0',
      HOST: '127.0.0.1',
      DRAIN_DELAY_MS: '0',
      ...environment,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  children.push(child)
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (chunk) => {
      output += chunk
    })
  const exited = new Promise<number | null>((resolve) => child.once('exit', resolve))
  const listening = () =>
    eventually(
      () => {
        const port = /"message":"gateway listening","port":(\d+)/.exec(output)?.[1]
        expect({ output, port }).toMatchObject({ port: expect.any(String) })
        return `http://127.0.0.1:${port}`
      },
      { timeoutMs: 15_000 },
    )
  return { child, exited, listening, output: () => output }
}

describe('the gateway process', () => {
  it('becomes ready, serves the real contracts, and ends with 0 on SIGTERM', async () => {
    const { child, exited, listening, output } = run()
    const url = await listening()
    await eventually(async () => expect((await fetch(`${url}/ready`)).status).toBe(200))
    const document = (await (await fetch(`${url}/openapi.json`)).json()) as { paths: object }
    expect(Object.keys(document.paths)).toContain('/v1/courses')
    expect((await fetch(`${url}/v1/courses`)).status).toBe(401)
    child.kill('SIGTERM')
    expect(await exited).toBe(0)
    expect(output()).toContain('"message":"gateway ended","isDone":true')
    for (const line of output().trim().split('\n')) expect(() => JSON.parse(line)).not.toThrow()
  })

  it('names every mistake in its environment and ends with 1', async () => {
    const { exited, output } = run({ PUBLIC_URL: 'nowhere', RATE_DEFAULT: '-1' })
    expect(await exited).toBe(1)
    expect(output()).toMatch(/PUBLIC_URL.*RATE_DEFAULT/)
    expect(output()).not.toContain(String(signingKey.d))
  })

  it('ends with 1 when its port is taken', async () => {
    const other = createServer()
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
    const { exited, output } = run({ PORT: new URL(urlOf(other)).port })
    expect(await exited).toBe(1)
    expect(output()).toContain('EADDRINUSE')
    await closeServer(other)
  })
})
