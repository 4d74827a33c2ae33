import * as z from 'zod'
import { type Contract, type Operation, pathOf } from '../contracts/define.ts'
import { IDEMPOTENCY_KEY_LENGTH_MAX } from './idempotency.ts'
import { problemSchema } from './problem.ts'

export type OpenApiOptions = {
  /** Where clients reach the API. */
  readonly serverUrl: string
  /** The status of a problem code, where it is known; the others stand under `4XX`. */
  readonly statusOf?: (code: string) => number | undefined
}

type Json = Readonly<Record<string, unknown>>

/**
 * One OpenAPI 3.1 document of all contracts, for clients: internal operations are left out.
 *
 * Schemas come from zod's own `z.toJSONSchema`: what a caller may send as its input, answers as its output.
 */
export const toOpenApi = (
  contracts: readonly Contract[],
  { serverUrl, statusOf = () => undefined }: OpenApiOptions,
): Json => {
  const schemas = new Map<string, unknown>()
  const shown = contracts
    .map((contract) => ({ contract, operations: clientOperations(contract) }))
    .filter(({ operations }) => operations.length > 0)
  const paths: Record<string, Record<string, unknown>> = {}
  for (const { contract, operations } of shown)
    for (const [name, operation] of operations) {
      const path = pathOf(contract, operation)
      paths[path] ??= {}
      paths[path][operation.method.toLowerCase()] = operationOf({
        contract,
        name,
        operation,
        schemas,
        statusOf,
      })
    }
  schemaOf(problemSchema, 'output', schemas)
  return {
    openapi: '3.1.0',
    info: {
      title: 'Learning Hub',
      version: '1.0.0',
      summary: 'The API of an enterprise learning platform.',
      description:
        'Refusals are RFC 9457 problem documents with a stable `code`. Lists are paged by `cursor` and `limit`. Times are ISO 8601 in UTC.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: serverUrl }],
    security: [{ accessToken: [] }],
    tags: shown.map(({ contract }) => ({ name: contract.service, description: contract.title })),
    paths,
    components: {
      securitySchemes: {
        accessToken: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' },
      },
      schemas: Object.fromEntries([...schemas].sort(([a], [b]) => a.localeCompare(b))),
    },
  }
}

const clientOperations = ({ operations }: Contract): readonly [string, Operation][] =>
  Object.entries(operations).filter(([, { scope }]) => scope !== 'internal')

type Described = {
  readonly contract: Contract
  readonly name: string
  readonly operation: Operation
  readonly schemas: Map<string, unknown>
  readonly statusOf: (code: string) => number | undefined
}

const operationOf = ({ contract, name, operation, schemas, statusOf }: Described): Json => {
  const { scope, permission, summary, description, body, rawBody } = operation
  const rights = permission ? `Needs \`${permission}\` (${scope}).` : undefined
  const text = [description, rights].filter((part) => part !== undefined).join('\n\n')
  return {
    operationId: `${camelCase(contract.service)}_${name}`,
    tags: [contract.service],
    summary,
    ...(text !== '' && { description: text }),
    ...(scope === 'public' && { security: [{}] }),
    ...listOf('parameters', [
      ...parametersOf('path', operation.params, schemas),
      ...parametersOf('query', operation.query, schemas),
      ...headerParameters(operation),
    ]),
    ...(body && {
      requestBody: {
        required: true,
        // A body that is read as text is JSON all the same; who sends it is told elsewhere what stands in it.
        content: content('application/json', rawBody ? {} : schemaOf(body, 'input', schemas)),
      },
    }),
    responses: {
      [operation.status]: successOf(operation, schemas),
      ...problemsOf(contract, operation, statusOf),
    },
  }
}

const parametersOf = (
  place: 'path' | 'query',
  schema: z.ZodObject | undefined,
  schemas: Map<string, unknown>,
): readonly Json[] =>
  Object.entries(schema?.shape ?? {}).map(([name, field]) => {
    // Coerced fields take any text on their way in; what they become says more.
    const shown = schemaOf(field as z.ZodType, 'output', schemas)
    return {
      name,
      in: place,
      required: place === 'path' || !(field as z.ZodType).safeParse(undefined).success,
      schema: shown,
    }
  })

const headerParameters = ({ idempotency, ifMatch }: Operation): readonly Json[] => [
  ...(idempotency
    ? [
        {
          name: 'Idempotency-Key',
          in: 'header',
          required: idempotency === 'required',
          description: 'The same key gives the first answer again, for 24 hours.',
          schema: { type: 'string', minLength: 1, maxLength: IDEMPOTENCY_KEY_LENGTH_MAX },
          example: '3f1c8a52-9f0e-4f3a-8a43-0d6f9a1f2b7c',
        },
      ]
    : []),
  ...(ifMatch
    ? [
        {
          name: 'If-Match',
          in: 'header',
          required: true,
          description: 'The ETag that was read.',
          schema: { type: 'string' },
          example: '"7"',
        },
      ]
    : []),
]

const successOf = (operation: Operation, schemas: Map<string, unknown>): Json => {
  const { status, answer, answerType, etag, summary } = operation
  const headers = {
    ...(etag !== undefined && { ETag: header('Names this revision, for If-Match.') }),
    ...(status === 302 && { Location: header('Where it is.') }),
  }
  return {
    description: summary,
    ...(Object.keys(headers).length > 0 && { headers }),
    ...(answer &&
      status !== 302 &&
      status !== 204 && {
        content: content(
          answerType ?? 'application/json',
          answerType ? { type: 'string' } : schemaOf(answer, 'output', schemas),
        ),
      }),
  }
}

const header = (description: string): Json => ({ description, schema: { type: 'string' } })

const content = (mediaType: string, schema: unknown): Json => ({ [mediaType]: { schema } })

/** The problem responses of an operation, each with the codes that it can carry. */
const problemsOf = (
  contract: Contract,
  operation: Operation,
  statusOf: (code: string) => number | undefined,
): Json => {
  const byStatus = new Map<string, Set<string>>()
  const add = (status: number | string, code: string) => {
    const key = String(status)
    byStatus.set(key, (byStatus.get(key) ?? new Set()).add(code))
  }
  for (const [status, code] of commonProblems(contract, operation)) add(status, code)
  for (const code of operation.errors) add(statusOf(code) ?? statusByName(code) ?? '4XX', code)
  return Object.fromEntries(
    [...byStatus]
      .sort(([a], [b]) => a.localeCompare(b))
      .map(([status, codes]) => [
        status,
        {
          description: [...codes].map((code) => `\`${code}\``).join(', '),
          ...(status === '429' || status === '503' ? { headers: RETRY_AFTER } : {}),
          content: content('application/problem+json', {
            allOf: [{ $ref: '#/components/schemas/Problem' }],
            properties: { code: { enum: [...codes] } },
          }),
        },
      ]),
  )
}

const RETRY_AFTER = {
  'Retry-After': { description: 'Seconds until a retry makes sense.', schema: { type: 'integer' } },
}

/** What any operation of this kind can be refused for, by gateway and mount. */
const commonProblems = (
  { service }: Contract,
  { scope, body, params, query, idempotency, ifMatch }: Operation,
): readonly (readonly [number, string])[] => [
  [400, 'request.target'],
  ...(body || params || query
    ? [[400, 'request.invalid'] as const, [400, 'request.characters'] as const]
    : []),
  ...(body
    ? [
        [400, 'request.malformed'] as const,
        [400, 'request.content_type'] as const,
        [413, 'request.too_large'] as const,
      ]
    : []),
  ...(scope === 'public'
    ? []
    : [[401, 'access.unauthenticated'] as const, [401, 'access.token_invalid'] as const]),
  ...(scope === 'public' || scope === 'account' ? [] : [[403, 'access.denied'] as const]),
  ...(idempotency
    ? [
        [400, 'idempotency.key_invalid'] as const,
        [409, 'idempotency.in_flight'] as const,
        [422, 'idempotency.key_reused'] as const,
      ]
    : []),
  ...(idempotency === 'required' ? [[400, 'idempotency.key_required'] as const] : []),
  ...(ifMatch
    ? [[400, 'request.if_match'] as const, [428, 'request.if_match_required'] as const]
    : []),
  [429, 'rate.limited'],
  [503, `${service}.unavailable`],
  [504, 'gateway.timeout'],
]

/** Names that the shared engines give, always with the same status. */
const statusByName = (code: string): number | undefined =>
  code.endsWith('.unavailable') ? 503 : code === 'request.cursor' ? 400 : undefined

const schemaOf = (
  schema: z.ZodType,
  io: 'input' | 'output',
  schemas: Map<string, unknown>,
): unknown => {
  const {
    $schema: _,
    $defs,
    ...shown
  } = z.toJSONSchema(schema, {
    io,
    unrepresentable: 'any',
    // A named schema becomes a component; the document itself says which dialect it is in.
    override: ({ jsonSchema }) => {
      delete jsonSchema.id
      // Answers may gain fields; a client that was told otherwise would break.
      if (io === 'output' && jsonSchema.additionalProperties === false)
        delete jsonSchema.additionalProperties
    },
  })
  for (const [name, definition] of Object.entries($defs ?? {}))
    schemas.set(name, withComponentRefs(definition))
  const name = schema.meta()?.id
  if (name === undefined) return withComponentRefs(shown)
  // A schema that refers to itself already stands among the definitions.
  if ($defs?.[name] === undefined) schemas.set(name, withComponentRefs(shown))
  return { $ref: `#/components/schemas/${name}` }
}

const withComponentRefs = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value).replaceAll('"#/$defs/', '"#/components/schemas/'))

const listOf = <Name extends string>(name: Name, items: readonly Json[]) =>
  items.length === 0 ? {} : { [name]: items }

const camelCase = (name: string) =>
  name.replaceAll(/-(\w)/g, (_, letter: string) => letter.toUpperCase())
