import * as z from 'zod'

/** The stages that terraform/environments/ holds. */
export const STAGES = ['staging', 'prod'] as const
export type Stage = (typeof STAGES)[number]

/** A resource as `tofu show -json` prints it, of a plan or of what was applied. */
export type Resource = {
  /** `module.network.aws_subnet.public["us-east-1a"]` */
  readonly address: string
  readonly type: string
  /** A mutable copy: rows of the table break it to prove that they would notice. */
  readonly values: Record<string, unknown>
}

const resourceSchema = z.object({
  address: z.string(),
  mode: z.enum(['managed', 'data']),
  type: z.string(),
  values: z.record(z.string(), z.unknown()).default({}),
})

type Module = {
  readonly resources?: readonly z.output<typeof resourceSchema>[] | undefined
  readonly child_modules?: readonly Module[] | undefined
}

const moduleSchema: z.ZodType<Module> = z.lazy(() =>
  z.object({
    resources: z.array(resourceSchema).optional(),
    child_modules: z.array(moduleSchema).optional(),
  }),
)

const documentSchema = z.union([
  z
    .object({ planned_values: z.object({ root_module: moduleSchema }) })
    .transform(({ planned_values }) => planned_values.root_module),
  z
    .object({ values: z.object({ root_module: moduleSchema }) })
    .transform(({ values }) => values.root_module),
])

/** All managed resources of a printed plan or state, of all modules; addresses begin below the module of the stage. */
export const readResources = (text: string): Resource[] =>
  resourcesOf(documentSchema.parse(JSON.parse(text)))

const resourcesOf = ({ resources = [], child_modules = [] }: Module): Resource[] => [
  ...resources
    .filter(({ mode }) => mode === 'managed')
    .map(({ address, type, values }) => ({
      address: address.replace('module.platform.', ''),
      type,
      values,
    })),
  ...child_modules.flatMap(resourcesOf),
]

/**
 * What an address stands for: one resource, or all of a `for_each` or `count` when it names no key.
 *
 * @param address without `module.`: `network.aws_subnet.public`.
 */
export const at = (resources: readonly Resource[], address: string): readonly Resource[] =>
  resources.filter(
    (resource) =>
      resource.address === `module.${address}` || resource.address.startsWith(`module.${address}[`),
  )

/** The value at `a.0.b` below a resource's values; undefined where there is nothing. */
export const valueAt = (values: unknown, path: string): unknown =>
  path.split('.').reduce<unknown>((value, key) => asRecord(value)[key], values)

/** Puts a value where `valueAt` would find it. @throws where the way to it does not exist. */
export const putAt = (values: unknown, path: string, value: unknown): void => {
  const cut = path.lastIndexOf('.')
  const parent = cut < 0 ? values : valueAt(values, path.slice(0, cut))
  if (typeof parent !== 'object' || parent === null) throw new Error(`nothing stands at ${path}`)
  Reflect.set(parent, path.slice(cut + 1), value)
}

const asRecord = (value: unknown): Record<string, unknown> =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
