import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { FUNCTIONS_FILE, functionVariables } from './function-variables.ts'

// `npm run terraform:functions`: writes the functions of the stack where alarms and dashboards read them; `npm run format`
// lays it out.
const observability = fileURLToPath(
  new URL('../../terraform/modules/observability', import.meta.url),
)
await writeFile(
  join(observability, FUNCTIONS_FILE),
  `${JSON.stringify(functionVariables(), undefined, 2)}\n`,
)
