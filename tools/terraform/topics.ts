import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { TOPICS_FILE, topicVariables } from './topic-variables.ts'

// `npm run terraform:topics`: writes the topics of the event registry where Terraform reads them.
const environments = fileURLToPath(new URL('../../terraform/environments', import.meta.url))
for (const stage of ['staging', 'prod'])
  await writeFile(join(environments, stage, TOPICS_FILE), topicVariables())
