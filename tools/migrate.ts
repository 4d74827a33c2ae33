import { fileURLToPath } from 'node:url'
import * as z from 'zod'
import { jsonVariable, loadConfig } from '../shared/config/load.ts'
import { migrate } from '../shared/db/migrate.ts'
import { servicesWithSchemas } from '../shared/db/schemas.ts'

// `npm run migrate`: brings every schema of the database in DATABASE_URL to its newest version, and every service's login
// role to its rights. It may run any number of times, and at once: one works, the others wait.

const configSchema = z.object({
  /** Of the instance itself, as owner. */
  DATABASE_URL: z.url({ protocol: /^postgres(ql)?$/ }).pipe(
    z
      .string()
      .refine((url) => !/\.proxy-/.test(new URL(url).hostname), {
        message: 'is a proxy’s; migrations need sessions of their own: give the instance’s address',
      })
      .refine((url) => new URL(url).pathname.length > 1, { message: 'names no database' }),
  ),
  /** Where the address names no owner: what RDS keeps in Secrets Manager. */
  DATABASE_OWNER: jsonVariable(
    z.object({ username: z.string().min(1), password: z.string().min(1) }),
  ).optional(),
  /** The login password of all services’ roles, as Secrets Manager keeps it. */
  DATABASE_SERVICES: jsonVariable(z.object({ services: z.string().min(1) })),
})

const ownersUrl = ({ DATABASE_URL, DATABASE_OWNER }: z.output<typeof configSchema>): string => {
  const url = new URL(DATABASE_URL)
  if (!DATABASE_OWNER) return url.href
  // Setters of URL do the escaping.
  return Object.assign(url, DATABASE_OWNER).href
}

try {
  const config = loadConfig(configSchema, process.env)
  const services = servicesWithSchemas(fileURLToPath(new URL('..', import.meta.url)))
  const startedAt = performance.now()
  const rolePassword = config.DATABASE_SERVICES.services
  await migrate({ databaseUrl: ownersUrl(config), rolePassword, services })
  const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1)
  console.log(`${services.length} schemas are at their newest version (${seconds} s).`)
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error))
  process.exit(1)
}
