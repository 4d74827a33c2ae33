import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parse } from 'yaml'
import * as z from 'zod'

/** Below `terraform/modules/observability/`. */
export const FUNCTIONS_FILE = 'functions.json'

const root = fileURLToPath(new URL('../..', import.meta.url))

const functionSchema = z.object({
  events: z.array(z.record(z.string(), z.unknown())).default([]),
})
const functionsSchema = z.record(z.string(), functionSchema)
const workflowSchema = z.object({ functions: functionsSchema })
const mskSchema = z.object({ topic: z.string(), consumerGroupId: z.string() })

/** What alarms and dashboards know of a room of `functions/`. */
type Observed = {
  readonly functions: readonly string[]
  /** It answers requests: `<service>Http` is one of its functions. */
  readonly has_http: boolean
  /** What its bus function follows, each topic in a consumer group of its own. */
  readonly subscriptions: readonly { readonly topic: string; readonly consumer_group: string }[]
}

/** What `functions.json` holds: every function, by service and by workflow, as the fragments of the stack name them. */
export const functionVariables = () => {
  const services = rooms('functions').map((name): [string, Observed] => [
    name,
    observedOf(functionsSchema.parse(fragmentOf('functions', name))),
  ])
  const workflows = rooms('workflows').map((name): [string, readonly string[]] => [
    name,
    Object.keys(workflowSchema.parse(fragmentOf('workflows', name)).functions),
  ])
  return { services: Object.fromEntries(services), workflows: Object.fromEntries(workflows) }
}

const rooms = (folder: string): readonly string[] => readdirSync(join(root, folder)).toSorted()

const fragmentOf = (folder: string, name: string): unknown =>
  parse(readFileSync(join(root, folder, name, 'function.yml'), 'utf8'))

const observedOf = (functions: z.output<typeof functionsSchema>): Observed => {
  const events = Object.values(functions).flatMap((each) => each.events)
  const followed = events.flatMap(({ msk }) => (msk ? [mskSchema.parse(msk)] : []))
  return {
    functions: Object.keys(functions),
    has_http: events.some(({ alb }) => alb !== undefined),
    subscriptions: followed.map(({ topic, consumerGroupId }) => ({
      ...{ topic, consumer_group: consumerGroupId },
    })),
  }
}
