import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import * as z from 'zod'
import { parseExpression } from '../../../local/schedules/expression.ts'
import {
  functionNameOf,
  parseTemplate,
  type Schedule,
  type StateMachine,
} from '../../../local/template/template.ts'
import { logShareOf } from '../../../shared/observe/sampling.ts'
import { InputError } from '../inputs/yaml.ts'
import { type Path, pathOf } from './workflow.ts'

/** One function as the packaged template deploys it. */
export type DeployedFunction = {
  /** As serverless.yml spells it: `courseHttp`. */
  readonly name: string
  readonly kind: 'http' | 'bus' | 'jobs' | 'step' | 'publisher' | 'other'
  /** Of decision 0072, from the tag `group`. */
  readonly group: string
  readonly memoryMb: number
  readonly architecture: 'arm64' | 'x86_64'
  readonly ephemeralMb: number
  /** Environments that are kept warm, and paid for. */
  readonly provisioned: number
  /** Of the account's concurrency; costs nothing. */
  readonly reserved: number | undefined
  /** Topics it consumes. */
  readonly topics: readonly string[]
  /** Provisioned pollers of all its mappings; on demand they cost nothing. */
  readonly pollers: number
  readonly runsPerMonth: number
}

/** A state machine, by what an execution of it takes. */
export type Workflow = { readonly name: string; readonly kind: 'video' | 'certificate' } & Path

export type Deployed = {
  readonly path: string
  readonly functions: readonly DeployedFunction[]
  readonly workflows: readonly Workflow[]
  /** Rules of the internal balancer. */
  readonly listenerRules: number
  /** Metrics that the stack's own alarms read. */
  readonly alarmMetrics: number
  /** Of all traces, which write that a call went well: the parameter `logShare` of serverless.yml. */
  readonly logShare: number
}

const functionSchema = z.looseObject({
  FunctionName: z.string(),
  MemorySize: z.number().default(128),
  Architectures: z.tuple([z.enum(['arm64', 'x86_64'])]).default(['x86_64']),
  EphemeralStorage: z.looseObject({ Size: z.number() }).default({ Size: 512 }),
  ReservedConcurrentExecutions: z.number().optional(),
  Tags: z.array(z.looseObject({ Key: z.string(), Value: z.unknown() })).default([]),
})
const aliasSchema = z.looseObject({
  FunctionName: z.looseObject({ Ref: z.string() }),
  ProvisionedConcurrencyConfig: z
    .looseObject({ ProvisionedConcurrentExecutions: z.number() })
    .optional(),
})
const alarmSchema = z.looseObject({
  Metrics: z.array(z.looseObject({ MetricStat: z.unknown().optional() })).optional(),
})
const documentSchema = z.looseObject({
  Parameters: z.record(z.string(), z.unknown()).default({}),
  Resources: z.record(
    z.string(),
    z.looseObject({ Type: z.string(), Properties: z.unknown().optional() }),
  ),
})

const PUBLISHER = 'outboxPublisher'

/** @throws InputError if nothing is packaged, TemplateError if it is not understood. */
export const readDeployed = async (path: string): Promise<Deployed> => {
  if (!existsSync(path))
    throw new InputError(`${path} is not there; \`npm run package\` writes it.`)
  return deployedFrom(await readFile(path, 'utf8'), path)
}

/** The same on the template's text. */
export const deployedFrom = (text: string, path: string): Deployed => {
  const document = parseDocument(text, path)
  // What a parameter holds changes no price.
  const parameters = Object.keys(document.Parameters).map((name) => [name, name])
  const template = parseTemplate(text, Object.fromEntries(parameters))
  const resources = Object.entries(document.Resources)
  const ofType = (type: string) => resources.filter(([, resource]) => resource.Type === type)

  const provisioned = new Map(
    ofType('AWS::Lambda::Alias').map(([, { Properties }]) => {
      const alias = aliasSchema.parse(Properties)
      const config = alias.ProvisionedConcurrencyConfig
      return [alias.FunctionName.Ref, config?.ProvisionedConcurrentExecutions ?? 0]
    }),
  )
  const called = new Set(template.listenerRules.map((rule) => rule.targetGroup.functionName))
  const steps = new Set(template.stateMachines.flatMap(({ definition }) => functionsIn(definition)))

  const functions = ofType('AWS::Lambda::Function').map(([logicalId, { Properties }]) => {
    const properties = functionSchema.parse(Properties)
    const physical = properties.FunctionName
    const mappings = template.eventSourceMappings.filter((one) => one.functionName === physical)
    const schedules = template.schedules.filter((one) => one.functionName === physical)
    const name = physical.split('-').at(-1) ?? physical
    return {
      name,
      kind: kindOf({
        name,
        isCalled: called.has(physical),
        isStep: steps.has(physical),
        hasTopics: mappings.length > 0,
        hasSchedules: schedules.length > 0,
      }),
      group: String(properties.Tags.find(({ Key }) => Key === 'group')?.Value ?? 'untagged'),
      memoryMb: properties.MemorySize,
      architecture: properties.Architectures[0],
      ephemeralMb: properties.EphemeralStorage.Size,
      provisioned: provisioned.get(logicalId) ?? 0,
      reserved: properties.ReservedConcurrentExecutions,
      topics: mappings.map(({ topic }) => topic),
      pollers: mappings.reduce((sum, { pollers }) => sum + (pollers?.min ?? 0), 0),
      runsPerMonth: schedules.reduce((sum, one) => sum + (one.enabled ? runsPerMonth(one) : 0), 0),
    }
  })
  return {
    path,
    // One for all, so that a trace is logged whole.
    logShare: Math.max(0, ...template.functions.map((one) => logShareOf(one.environment))),
    functions: functions.toSorted((one, other) => one.name.localeCompare(other.name, 'en')),
    workflows: template.stateMachines.map(workflowOf),
    listenerRules: template.listenerRules.length,
    alarmMetrics: ofType('AWS::CloudWatch::Alarm').reduce(
      (sum, [, { Properties }]) => sum + alarmMetricsOf(alarmSchema.parse(Properties)),
      0,
    ),
  }
}

/** One that computes reads several. */
const alarmMetricsOf = ({ Metrics }: z.output<typeof alarmSchema>): number =>
  Metrics?.filter(({ MetricStat }) => MetricStat !== undefined).length ?? 1

const kindOf = (facts: {
  name: string
  isCalled: boolean
  isStep: boolean
  hasTopics: boolean
  hasSchedules: boolean
}): DeployedFunction['kind'] => {
  if (facts.name === PUBLISHER) return 'publisher'
  if (facts.isCalled) return 'http'
  if (facts.hasTopics) return 'bus'
  if (facts.isStep) return 'step'
  return facts.hasSchedules ? 'jobs' : 'other'
}

const KINDS = { 'video-processing': 'video', 'certificate-issuance': 'certificate' } as const

const workflowOf = (machine: StateMachine): Workflow => {
  const found = Object.entries(KINDS).find(([name]) => machine.name.includes(name))
  if (!found)
    throw new InputError(`Nothing says how often the state machine ${machine.name} is started.`)
  const [name, kind] = found
  return { name, kind, ...pathOf(machine) }
}

const parseDocument = (text: string, path: string) => {
  try {
    return documentSchema.parse(JSON.parse(text))
  } catch (cause) {
    throw new InputError(`${path} is not a packaged template.`, { cause })
  }
}

const functionsIn = (definition: unknown): readonly string[] =>
  [...JSON.stringify(definition).matchAll(/arn:aws:lambda:[^"]*:function:[^"]+/g)].map(([arn]) =>
    functionNameOf(arn),
  )

const MINUTES: Readonly<Record<string, number>> = { minute: 1, hour: 60, day: 1_440 }
const MONTH_MINUTES = 43_800
const MONTH_MS = MONTH_MINUTES * 60_000
/** A month that begins on a Monday; which month it is changes a weekly schedule by a run or two. */
const MONTH_START_MS = Date.UTC(2026, 5, 1)

/** How often an expression as EventBridge takes it comes due. */
const runsPerMonth = ({
  expression,
  timezone,
}: Pick<Schedule, 'expression' | 'timezone'>): number => {
  const [, every, unit = ''] = /^rate\((\d+) (minute|hour|day)s?\)$/.exec(expression) ?? []
  const minutes = MINUTES[unit]
  if (every !== undefined && minutes !== undefined) return MONTH_MINUTES / (Number(every) * minutes)
  const next = parseExpression(expression, timezone)
  let runs = 0
  for (let at = next(MONTH_START_MS); runs < MONTH_MINUTES; at = next(at)) {
    if (at === undefined || at >= MONTH_START_MS + MONTH_MS) break
    runs += 1
  }
  return runs
}
