import fc from 'fast-check'
import * as z from 'zod'
import { fromJsonSchema, type JsonSchema } from '../../support/arbitrary.ts'

/** One value for each alternative of a schema, beyond which they are cut. */
const SAMPLES_MAX = 40
const SEED = 7

/**
 * Complete values of a schema: every optional field is there, every list has an item, and each alternative of a union
 * stands in one of them, so that every place that takes an id holds one.
 */
export const completeSamples = (schema: z.ZodType): readonly unknown[] => {
  const json = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as JsonSchema
  const samples = samplesOf(json).slice(0, SAMPLES_MAX)
  return samples.length === 0 ? [undefined] : samples
}

const samplesOf = (schema: JsonSchema): readonly unknown[] => {
  if (schema.const !== undefined) return [schema.const]
  // What the contract itself shows passes its refinements too.
  if (schema.examples?.length) return [schema.examples[0]]
  const choices = schema.anyOf ?? schema.oneOf
  // Null is an alternative of many fields and says nothing of them.
  if (choices) return choices.filter(({ type }) => type !== 'null').flatMap(samplesOf)
  if (schema.allOf) return samplesOf(Object.assign({}, ...schema.allOf))
  if (schema.type === 'object' && schema.properties) return objectsOf(schema.properties)
  if (schema.type === 'array') {
    const item = samplesOf(schema.items ?? {})
    const count = Math.max(schema.minItems ?? 0, 1)
    return item.map((one) => Array.from({ length: count }, () => one))
  }
  return fc.sample(fromJsonSchema(schema), { numRuns: 1, seed: SEED })
}

/** Each alternative of each field once, beside the first alternative of the others. */
const objectsOf = (properties: Readonly<Record<string, JsonSchema>>): readonly unknown[] => {
  const fields = Object.entries(properties).map(
    ([name, property]) => [name, samplesOf(property)] as const,
  )
  const first = Object.fromEntries(fields.map(([name, samples]) => [name, samples[0]]))
  const others = fields.flatMap(([name, samples]) =>
    samples.slice(1).map((sample) => ({ ...first, [name]: sample })),
  )
  return [first, ...others]
}
