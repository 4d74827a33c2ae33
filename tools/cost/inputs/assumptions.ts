import { fileURLToPath } from 'node:url'
import * as z from 'zod'
import { fixed, type Value, value } from '../bill/formula.ts'
import { InputError, readYaml } from './yaml.ts'

const FILE = fileURLToPath(new URL('../data/assumptions.yaml', import.meta.url))
const decimal = z.string().regex(/^\d+(\.\d+)?$/, 'a number in quotes')

const schema = z
  .strictObject({
    values: z.record(
      z.string(),
      z.strictObject({ value: decimal, unit: z.string(), why: z.string() }),
    ),
    requestShares: z.record(z.string(), decimal),
    vcpus: z.record(z.string(), z.number().int().positive()),
  })
  .refine(
    ({ requestShares }) =>
      Math.abs(Object.values(requestShares).reduce((sum, share) => sum + Number(share), 0) - 1) <
      1e-9,
    { path: ['requestShares'], message: 'the shares do not add up to one' },
  )

/** What is used where nothing is measured or stated; each says that it is assumed. */
export type Assumptions = {
  readonly of: (name: string) => Value
  /** Of the gateway's requests; `undefined` for a function that has no share. */
  readonly requestShare: (functionName: string) => Value | undefined
  readonly requestShareNames: readonly string[]
  readonly vcpus: (instance: string) => Value
  /** The same with some values replaced, for switches and sensitivity. */
  readonly with: (values: Readonly<Record<string, string>>, why: string) => Assumptions
}

export const readAssumptions = async (path = FILE): Promise<Assumptions> =>
  assumptionsOf(await readYaml(path, schema))

const assumptionsOf = (file: z.output<typeof schema>): Assumptions => ({
  of: (name) => {
    const found = file.values[name]
    if (!found) throw new InputError(`There is no assumption ${name}.`)
    return value(name, found.value, found.unit, { kind: 'assumed', text: found.why })
  },
  requestShare: (name) => {
    const share = file.requestShares[name]
    if (share === undefined) return undefined
    return value(`share of ${name}`, share, 'of requests', {
      kind: 'assumed',
      text: 'data/assumptions.yaml, requestShares',
    })
  },
  requestShareNames: Object.keys(file.requestShares),
  vcpus: (instance) => {
    const found = file.vcpus[instance]
    if (found === undefined)
      throw new InputError(`data/assumptions.yaml does not say how many vCPUs ${instance} has.`)
    return fixed(`vCPUs of ${instance}`, found, 'vCPUs', 'AWS instance tables')
  },
  with: (values, why) => {
    const unknown = Object.keys(values).find((name) => !file.values[name])
    if (unknown) throw new InputError(`There is no assumption ${unknown}.`)
    const changed = Object.entries(values).map(([name, text]) => [
      name,
      { value: text, unit: file.values[name]?.unit ?? '', why },
    ])
    return assumptionsOf({ ...file, values: { ...file.values, ...Object.fromEntries(changed) } })
  },
})
