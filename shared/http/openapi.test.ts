import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import * as z from 'zod'
import { contracts } from '../contracts/catalogue.ts'
import { type Contract, defineContract, pathOf } from '../contracts/define.ts'
import { toOpenApi } from './openapi.ts'

const run = promisify(execFile)
const root = fileURLToPath(new URL('../..', import.meta.url))
const LINT_TIMEOUT_MS = 60_000

// A contract that has one of everything the document must say.
const sample = defineContract({
  service: 'sample',
  prefix: '/v1/samples',
  title: 'Samples',
  operations: {
    changeSample: {
      method: 'PUT',
      path: '/{sampleId}',
      summary: 'Change a sample',
      scope: 'organization',
      permission: 'sample:update',
      params: z.strictObject({ sampleId: z.string() }),
      query: z.strictObject({ limit: z.coerce.number().int().max(9).default(3) }),
      body: z.strictObject({
        name: z.string().meta({ examples: ['A'] }),
        size: z.int().default(1),
      }),
      status: 200,
      answer: z.object({ name: z.string(), revision: z.int() }),
      errors: ['sample.taken', 'sample.odd'],
      idempotency: 'required',
      ifMatch: true,
      etag: 'revision',
    },
    seeSample: {
      method: 'GET',
      path: '/',
      summary: 'See',
      scope: 'public',
      status: 204,
      errors: [],
    },
    askSample: {
      method: 'GET',
      path: '/inside',
      summary: 'Ask',
      scope: 'internal',
      status: 204,
      errors: [],
    },
  },
})

// biome-ignore lint/suspicious/noExplicitAny: a document of many shapes, looked into at single points
const documentOf = (list: readonly Contract[]): any =>
  toOpenApi(list, {
    serverUrl: 'https://hub.example.com',
    statusOf: (code) => (code === 'sample.taken' ? 409 : undefined),
  })

describe('the OpenAPI document of a contract', () => {
  const change = documentOf([sample]).paths['/v1/samples/{sampleId}'].put

  it('names what goes into path, query, headers and body, with examples', () => {
    const named = change.parameters.map((each: { name: string; in: string; required: boolean }) => [
      each.name,
      each.in,
      each.required,
    ])
    expect(named).toEqual([
      ['sampleId', 'path', true],
      ['limit', 'query', false],
      ['Idempotency-Key', 'header', true],
      ['If-Match', 'header', true],
    ])
    expect(change.parameters[1].schema).toMatchObject({ type: 'integer', maximum: 9, default: 3 })
    expect(change.requestBody.content['application/json'].schema).toMatchObject({
      required: ['name'],
      additionalProperties: false,
      properties: { name: { examples: ['A'] } },
    })
  })

  it('lists the codes of every refusal under its status', () => {
    const codesOf = (status: string) =>
      change.responses[status].content['application/problem+json'].schema.properties.code.enum
    expect(codesOf('409')).toEqual(['idempotency.in_flight', 'sample.taken'])
    expect(codesOf('401')).toEqual(['access.unauthenticated', 'access.token_invalid'])
    expect(codesOf('428')).toEqual(['request.if_match_required'])
    expect(codesOf('4XX')).toEqual(['sample.odd'])
  })

  it('asks for a token except where an operation is public, and leaves internal ones out', () => {
    const { paths, security } = documentOf([sample])
    expect(security).toEqual([{ accessToken: [] }])
    expect(paths['/v1/samples'].get.security).toEqual([{}])
    expect(change.security).toBeUndefined()
    expect(paths['/v1/samples/inside']).toBeUndefined()
  })
})

describe('the merged document', () => {
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hub-openapi-'))
  })
  afterAll(() => rm(folder, { recursive: true, force: true }))

  it('holds every client operation once, under an id of its own', () => {
    const { paths } = documentOf(Object.values(contracts))
    const wanted = Object.values<Contract>(contracts).flatMap((contract) =>
      Object.values(contract.operations)
        .filter(({ scope }) => scope !== 'internal')
        .map((operation) => `${operation.method} ${pathOf(contract, operation)}`),
    )
    const entries = Object.entries<Record<string, { operationId: string }>>(paths)
    const shown = entries.flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    )
    expect(shown.sort()).toEqual(wanted.sort())
    const ids = entries.flatMap(([, methods]) =>
      Object.values(methods).map(({ operationId }) => operationId),
    )
    expect(new Set(ids).size).toBe(ids.length)
  })

  it(
    'is written by `npm run openapi`, knows the status of every code, and passes redocly lint',
    async () => {
      const file = join(folder, 'openapi.json')
      await run(process.execPath, [join(root, 'tools/openapi.ts'), file], { cwd: root })
      expect(await readFile(file, 'utf8')).not.toContain('"4XX"')
      const { stdout, stderr } = await run(
        process.execPath,
        [join(root, 'node_modules/.bin/redocly'), 'lint', file, '--format=json'],
        { cwd: root, env: { ...process.env, REDOCLY_TELEMETRY: 'off', CI: 'true' } },
      )
      const { totals } = JSON.parse(stdout.slice(stdout.indexOf('{')))
      expect({ totals, stderr }).toMatchObject({ totals: { errors: 0 } })
    },
    LINT_TIMEOUT_MS,
  )
})
