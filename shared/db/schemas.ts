import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

/** Every folder of the repository that has migrations owns a schema. */
export const servicesWithSchemas = (root: string) =>
  ['functions', 'eks-workloads'].flatMap((room) =>
    readdirSync(join(root, room))
      .map((name) => ({ name, migrationsDir: join(root, room, name, 'migrations') }))
      .filter(({ migrationsDir }) => existsSync(migrationsDir)),
  )
