import fc from 'fast-check'
import * as z from 'zod'

/** As much of JSON Schema as `z.toJSONSchema` writes. */
export type JsonSchema = {
  readonly type?: string
  readonly const?: unknown
  readonly enum?: readonly unknown[]
  readonly anyOf?: readonly JsonSchema[]
  readonly oneOf?: readonly JsonSchema[]
  readonly allOf?: readonly JsonSchema[]
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly required?: readonly string[]
  readonly additionalProperties?: boolean | JsonSchema
  readonly items?: JsonSchema
  readonly minItems?: number
  readonly maxItems?: number
  readonly minimum?: number
  readonly maximum?: number
  readonly minLength?: number
  readonly maxLength?: number
  readonly pattern?: string
  readonly format?: string
  readonly examples?: readonly unknown[]
}

const ITEMS_MAX = 3
const LENGTH_MAX = 40

/** Values that a schema takes, as a client would write them; what a refinement adds is the caller's to filter. */
export const arbitraryOf = (schema: z.ZodType): fc.Arbitrary<unknown> =>
  fromJsonSchema(z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as JsonSchema)

/** One valid value, the same for the same seed; undefined when none was found in a hundred tries. */
export const validSample = (schema: z.ZodType, seed = 1): unknown =>
  fc
    .sample(arbitraryOf(schema), { numRuns: 100, seed })
    .find((value) => schema.safeParse(value).success)

/** Values that a part of a schema takes. */
export const fromJsonSchema = (schema: JsonSchema): fc.Arbitrary<unknown> => {
  if (schema.const !== undefined) return fc.constant(schema.const)
  if (schema.enum) return fc.constantFrom(...schema.enum)
  const choices = schema.anyOf ?? schema.oneOf
  if (choices) return fc.oneof(...choices.map(fromJsonSchema))
  if (schema.allOf) return fromJsonSchema(Object.assign({}, ...schema.allOf))
  switch (schema.type) {
    case 'object':
      return objectOf(schema)
    case 'array':
      return fc.array(fromJsonSchema(schema.items ?? {}), {
        minLength: schema.minItems ?? 0,
        maxLength: Math.min(
          schema.maxItems ?? ITEMS_MAX,
          Math.max(ITEMS_MAX, schema.minItems ?? 0),
        ),
      })
    case 'integer':
      return fc.integer({
        min: Math.max(schema.minimum ?? -1_000, -2_147_483_648),
        max: Math.min(schema.maximum ?? 100_000, 2_147_483_647),
      })
    case 'number':
      return fc.double({ min: schema.minimum ?? -10, max: schema.maximum ?? 10, noNaN: true })
    case 'boolean':
      return fc.boolean()
    case 'null':
      return fc.constant(null)
    case 'string':
      return stringOf(schema)
    default:
      return fc.constantFrom<unknown>('x', 1, true, null)
  }
}

const objectOf = ({ properties = {}, required = [] }: JsonSchema): fc.Arbitrary<unknown> =>
  fc.record(
    Object.fromEntries(
      Object.entries(properties).map(([name, property]) => [name, fromJsonSchema(property)]),
    ),
    { requiredKeys: [...required] },
  )

const stringOf = (schema: JsonSchema): fc.Arbitrary<unknown> => {
  const { examples = [], minLength = 0, maxLength = LENGTH_MAX } = schema
  const known = examples.length > 0 ? [fc.constantFrom(...examples)] : []
  if (schema.format === 'date-time')
    return fc
      .date({ min: new Date('2020-01-01'), max: new Date('2040-01-01'), noInvalidDate: true })
      .map((date) => date.toISOString())
  if (schema.format === 'uuid') return fc.uuid()
  if (schema.format === 'uri') return fc.oneof(...known, fc.webUrl({ validSchemes: ['https'] }))
  if (schema.format === 'email') return fc.emailAddress()
  if (schema.pattern) return fc.oneof(...known, fc.stringMatching(new RegExp(schema.pattern)))
  return fc.oneof(
    ...known,
    fc.string({
      unit: 'grapheme',
      minLength,
      maxLength: Math.max(minLength, Math.min(maxLength, LENGTH_MAX)),
    }),
  )
}

/** What clients send who mean no good, or whose code is wrong. */
export const hostile: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    true,
    '',
    [],
    {},
    -1,
    1e308,
    0.1,
    9_007_199_254_740_992,
    '\u0000',
    '\ud800',
    "'; drop table course.courses; --",
    '<script>alert(1)</script>',
    '../../etc/passwd',
    '${jndi:ldap://x}',
    '{{7*7}}',
    '\u202eevil',
    'a'.repeat(5_000),
    { $gt: '' },
    { __proto__: { admin: true }, constructor: { prototype: {} } },
  ),
  fc.jsonValue({ maxDepth: 3 }),
)

/** A valid value with one of its places made hostile, or something else altogether. */
export const almost = (valid: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> =>
  fc.oneof(
    { weight: 6, arbitrary: fc.tuple(valid, fc.nat(), hostile).map(spoil) },
    { weight: 1, arbitrary: fc.tuple(valid, fc.string(), hostile).map(addField) },
    { weight: 1, arbitrary: hostile },
  )

const spoil = ([value, at, bad]: [unknown, number, unknown]): unknown => {
  if (Array.isArray(value) && value.length > 0) {
    const index = at % value.length
    return value.map((item, position) => (position === index ? spoil([item, at >> 3, bad]) : item))
  }
  if (typeof value === 'object' && value !== null && Object.keys(value).length > 0) {
    const keys = Object.keys(value)
    const key = keys[at % keys.length] ?? ''
    return { ...value, [key]: spoil([Reflect.get(value, key), at >> 3, bad]) }
  }
  return bad
}

const addField = ([value, name, bad]: [unknown, string, unknown]): unknown =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? { ...value, [name]: bad }
    : bad
