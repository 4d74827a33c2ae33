import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import * as z from 'zod'
import { debianProgram, mavenJars, ToolMissingError } from '../../support/engines/toolbox.ts'

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
  const child = spawn(java, ['-cp', jars, 'groovy.ui.GroovyMain', program, file], {
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  const exited = new Promise<number | null>((resolve, reject) => {
    child.once('error', (error) => reject(new ToolMissingError(error.message)))
    child.once('close', resolve)
  })
  child.stdin.end(JSON.stringify(scenarios))
  const [out, error] = await Promise.all([text(child.stdout), text(child.stderr)])
  if ((await exited) !== 0) throw new Error(`The Jenkinsfile cannot be played: ${error.trim()}`)
  return z.array(outcomeSchema).parse(JSON.parse(out))
}
