import { fileURLToPath } from 'node:url'
import * as z from 'zod'
import { COMPONENTS, type Component } from '../bill/line.ts'
import { readYaml } from '../inputs/yaml.ts'

const FILE = fileURLToPath(new URL('../data/services.yaml', import.meta.url))

const schema = z.strictObject({
  services: z
    .array(
      z.strictObject({
        service: z.string(),
        code: z.string(),
        names: z.array(z.string()).default([]),
        usage: z.string().optional(),
        component: z.enum(COMPONENTS),
      }),
    )
    .min(1),
})

export type Placed = { readonly service: string; readonly component: Component | 'other' }
export type Place = (charge: { readonly product: string; readonly usageType: string }) => Placed

/** Finds under which of our names something billed belongs. */
export const readPlaces = async (path = FILE): Promise<Place> => {
  const { services } = await readYaml(path, schema)
  const rules = services.map(({ usage, ...rule }) => ({
    ...rule,
    usage: usage === undefined ? undefined : new RegExp(usage),
  }))
  const codeOf = new Map(services.flatMap(({ names, code }) => names.map((name) => [name, code])))
  return ({ product, usageType }) => {
    const code = codeOf.get(product) ?? product
    const rule = rules.find(
      (each) => each.code === code && (each.usage === undefined || each.usage.test(usageType)),
    )
    return rule ?? { service: product, component: 'other' }
  }
}
