import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { root, useHub } from '../../flow/hub.ts'
import type { PythonPackages } from '../../support/engines/toolbox.ts'
import { say } from '../report.ts'
import { NO_LIMITS } from '../world/limits.ts'
import { ASKERS, meetAsker } from './people.ts'
import { fuzz, installSchemathesis } from './schemathesis.ts'

// Schemathesis over the merged OpenAPI document, through the gateway, as everybody. `FUZZ_LONG=1` adds every boundary
// value and many more examples, `FUZZ_SEED` names another seed: by itself it asks the same every time.

const SEED = Number(process.env.FUZZ_SEED ?? 20_261_125)
const IS_LONG = process.env.FUZZ_LONG === '1'
const EXAMPLES = IS_LONG ? 100 : 3
const RUN_TIMEOUT_MS = IS_LONG ? 4 * 60 * 60_000 : 30 * 60_000

const running = useHub(NO_LIMITS)
let schemathesis: PythonPackages
let folder: string
let document: string
const exercised = new Set<string>()

beforeAll(async () => {
  schemathesis = await installSchemathesis()
  folder = await mkdtemp(join(tmpdir(), 'hub-fuzzed-'))
  document = join(folder, 'openapi.json')
  await promisify(execFile)(process.execPath, [join(root, 'tools', 'openapi.ts'), document], {
    env: { ...process.env, PUBLIC_URL: running.hub.url },
  })
}, RUN_TIMEOUT_MS)
afterAll(() => rm(folder, { recursive: true, force: true }))

describe('whatever is sent', () => {
  it.each(ASKERS.map((role) => ({ role })))(
    'is answered as the document says, for $role',
    async ({ role }) => {
      const token = await meetAsker(running.hub.url, role)
      const result = await fuzz({
        ...{ schemathesis, document, token, seed: SEED, url: running.hub.url },
        examplesMax: EXAMPLES,
        withBoundaries: IS_LONG,
      })
      for (const request of result.exercised) exercised.add(request)
      say(`${role}: ${result.requests} requests, ${result.failures.length} failures`)
      expect(result.requests).toBeGreaterThan(100)
      expect(result.failures.length > 0 ? [result.failures, result.output] : []).toEqual([])
    },
    RUN_TIMEOUT_MS,
  )

  it('has been sent to every operation of the document', async () => {
    const operations = operationsOf(JSON.parse(await readFile(document, 'utf8')))
    const sent = [...exercised]
    const missed = operations.filter(({ pattern }) => !sent.some((one) => pattern.test(one)))
    say(`coverage: ${operations.length - missed.length} of ${operations.length} operations`)
    expect(missed.map(({ name }) => name).toSorted()).toEqual(NOT_FUZZED.toSorted())
  })
})

/** They end the session that asks (see schemathesis.ts); the services' own suites show them in full. */
const NOT_FUZZED = [
  'POST /v1/auth/sign-out',
  'POST /v1/auth/sessions/revoke-others',
  'DELETE /v1/auth/sessions/{sessionId}',
  'PUT /v1/auth/password',
  'POST /v1/users/me/deactivate',
]

/** Every operation of the document, with what its requests look like. */
const operationsOf = (openApi: {
  readonly paths: Readonly<Record<string, Readonly<Record<string, unknown>>>>
}) =>
  Object.entries(openApi.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => ({
      name: `${method.toUpperCase()} ${path}`,
      pattern: new RegExp(`^${method.toUpperCase()} ${path.replaceAll(/\{\w+\}/g, '[^/]*')}$`),
    })),
  )
