import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as z from 'zod'
import { runCommand } from '../../support/command.ts'
import { debianProgram, mavenJars } from '../../support/engines/toolbox.ts'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const GROOVY = ['org.apache.groovy:groovy:4.0.28', 'org.apache.groovy:groovy-json:4.0.28']

/** See pipeline.groovy. */
export type Scenario = {
  readonly params?: Readonly<Record<string, string>>
  readonly branch?: string
  readonly answers?: Readonly<Record<string, string>>
  readonly failAt?: number
  readonly failing?: readonly string[]
  readonly abort?: string
}

const outcomeSchema = z.object({
  result: z.enum(['SUCCESS', 'FAILURE', 'ABORTED']),
  /** What happened, in order; steps after the stages are of the stage `post`. */
  trace: z.array(z.object({ stage: z.string(), step: z.string(), text: z.string() })),
})
export type Outcome = z.output<typeof outcomeSchema>

/** Plays a Jenkinsfile once for each scenario, with steps that do nothing. */
export const play = async (
  scenarios: readonly Scenario[],
  file = join(root, 'Jenkinsfile'),
): Promise<readonly Outcome[]> => {
  const java = await debianProgram('java', ['default-jre-headless'])
  const jars = await mavenJars('groovy', GROOVY)
  const program = join(import.meta.dirname, 'pipeline.groovy')
  const { code, out, error } = await runCommand(
    java,
    ['-cp', jars, 'groovy.ui.GroovyMain', program, file],
    { input: JSON.stringify(scenarios) },
  )
  if (code !== 0) throw new Error(`The Jenkinsfile cannot be played: ${error.trim()}`)
  return z.array(outcomeSchema).parse(JSON.parse(out))
}
