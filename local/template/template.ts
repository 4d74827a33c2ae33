import { readFile } from 'node:fs/promises'
import * as z from 'zod'
import {
  createResolver,
  type Parameter,
  type Place,
  type Resolver,
  type Resource,
  TemplateError,
} from './resolve.ts'

/** What one machine needs of the packaged stack, with every reference already resolved. */
export type Template = {
  readonly functions: readonly TemplateFunction[]
  /** Sorted by priority, the order in which a listener tries them. */
  readonly listenerRules: readonly ListenerRule[]
  readonly eventSourceMappings: readonly EventSourceMapping[]
  readonly schedules: readonly Schedule[]
  readonly eventRules: readonly EventRule[]
  readonly stateMachines: readonly StateMachine[]
}

export type TemplateFunction = {
  readonly logicalId: string
  readonly name: string
  readonly arn: string
  /** `path/without/ending.exportName`, below the code root. */
  readonly handler: string
  readonly memoryMb: number
  readonly timeoutSeconds: number
  readonly reservedConcurrency: number | undefined
  /** Of the alias that callers use. */
  readonly provisionedConcurrency: number | undefined
  readonly environment: Readonly<Record<string, string>>
  /** Layer version ARNs. */
  readonly layers: readonly string[]
  /** Repeats of a failed asynchronous invocation, 0 to 2. */
  readonly asyncRetriesMax: number
  readonly asyncAgeSecondsMax: number
}

export type ListenerRule = {
  readonly logicalId: string
  readonly listenerArn: string
  readonly priority: number
  /** All must hold. */
  readonly conditions: readonly Condition[]
  readonly targetGroup: TargetGroup
}

/** Within one condition any value is enough. */
export type Condition =
  | { readonly field: 'path' | 'host' | 'method' | 'source-ip'; readonly values: readonly string[] }
  | { readonly field: 'header'; readonly name: string; readonly values: readonly string[] }
  | {
      readonly field: 'query'
      readonly values: readonly { readonly key: string | undefined; readonly value: string }[]
    }

export type TargetGroup = {
  readonly arn: string
  readonly functionName: string
  readonly multiValueHeaders: boolean
  readonly healthCheck: HealthCheck | undefined
}

export type HealthCheck = {
  readonly path: string
  readonly intervalSeconds: number
  readonly timeoutSeconds: number
  readonly healthyThreshold: number
  readonly unhealthyThreshold: number
  /** Codes and ranges: `200,204` or `200-299`. */
  readonly matcher: string
}

export type EventSourceMapping = {
  readonly logicalId: string
  readonly functionName: string
  readonly eventSourceArn: string
  readonly topic: string
  readonly batchSizeMax: number
  readonly windowSeconds: number
  readonly consumerGroupId: string
  readonly startingPosition: 'TRIM_HORIZON' | 'LATEST' | 'AT_TIMESTAMP'
  /** Unix seconds; only with AT_TIMESTAMP. */
  readonly startingTimestampSeconds: number | undefined
  readonly enabled: boolean
  readonly functionResponseTypes: readonly string[]
  /** JSON event patterns; a record passes if any matches, or if there is none. */
  readonly filterPatterns: readonly string[]
  /** -1 is without end. */
  readonly retryAttemptsMax: number
  /** -1 is without end. */
  readonly recordAgeSecondsMax: number
  readonly bisectBatchOnError: boolean
  readonly onFailureDestinationArn: string | undefined
  readonly pollers: { readonly min: number; readonly max: number } | undefined
}

export type Schedule = {
  readonly name: string
  readonly arn: string
  /** `rate(…)`, `cron(…)` with six fields, or `at(…)`. */
  readonly expression: string
  readonly timezone: string
  readonly functionName: string
  /** The JSON text that replaces the schedule's own event. */
  readonly input: string | undefined
  readonly enabled: boolean
}

export type EventRule = {
  readonly name: string
  readonly arn: string
  readonly bus: string
  readonly pattern: Readonly<Record<string, unknown>>
  readonly enabled: boolean
  readonly targets: readonly EventTarget[]
}

export type EventTarget = {
  readonly kind: 'function' | 'state-machine'
  readonly name: string
  readonly arn: string
  readonly input: string | undefined
  readonly inputPath: string | undefined
  readonly inputTransformer:
    | { readonly paths: Readonly<Record<string, string>>; readonly template: string }
    | undefined
}

export type StateMachine = {
  readonly logicalId: string
  readonly name: string
  readonly arn: string
  readonly type: 'STANDARD' | 'EXPRESS'
  /** The ASL with every resource substituted. */
  readonly definition: Readonly<Record<string, unknown>>
}

const PLACE: Place = { region: 'us-east-1', accountId: '123456789012', stackName: 'local' }

/**
 * Reads what `serverless package` wrote, so that local routing cannot drift from what is deployed.
 *
 * @param path of cloudformation-template-update-stack.json.
 * @param parameters the stack's parameter values, by parameter name or by SSM path.
 * @throws TemplateError naming the first thing that is not understood: nothing is skipped silently.
 */
export async function readTemplate(
  path: string,
  parameters: Readonly<Record<string, string>>,
  place: Partial<Place> = {},
): Promise<Template> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new TemplateError(`The packaged template ${path} cannot be read; run npm run package.`, {
      cause,
    })
  })
  return parseTemplate(text, parameters, place)
}

/** The same on the template's text. */
export function parseTemplate(
  text: string,
  parameters: Readonly<Record<string, string>>,
  place: Partial<Place> = {},
): Template {
  const document = parseDocument(text)
  const resources = document.Resources as Record<string, Resource>
  for (const [logicalId, { Type }] of Object.entries(resources)) {
    if (PLAYED.has(Type) || ELSEWHERE.has(Type)) continue
    throw new TemplateError(`${logicalId} is a ${Type}, which is not played on one machine.`)
  }
  const source = { resources, parameters: (document.Parameters ?? {}) as Record<string, Parameter> }
  return collect(resources, createResolver(source, parameters, { ...PLACE, ...place }))
}

const documentSchema = z.looseObject({
  Resources: z.record(z.string(), z.looseObject({ Type: z.string() })),
  Parameters: z.record(z.string(), z.looseObject({ Type: z.string() })).optional(),
  Conditions: z.never().optional(),
  Mappings: z.never().optional(),
  Transform: z.never().optional(),
})

function parseDocument(text: string) {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (cause) {
    throw new TemplateError('The packaged template is not JSON.', { cause })
  }
  const parsed = documentSchema.safeParse(json)
  if (!parsed.success) throw new TemplateError(`The packaged template: ${sentence(parsed.error)}.`)
  return parsed.data
}

function collect(resources: Readonly<Record<string, Resource>>, resolver: Resolver): Template {
  const read: Read = (logicalId, schema, ignored) =>
    readProperties(logicalId, resources[logicalId] as Resource, schema, ignored, resolver)
  const each = <T>(type: string, one: (logicalId: string) => T): T[] =>
    Object.keys(resources)
      .filter((logicalId) => resources[logicalId]?.Type === type)
      .map(one)

  const invokeConfigs = each('AWS::Lambda::EventInvokeConfig', (id) => readInvokeConfig(id, read))
  const aliases = each('AWS::Lambda::Alias', (id) => readAlias(id, read))
  const functions = each('AWS::Lambda::Function', (id) =>
    readFunction(id, { read, resolver, invokeConfigs, aliases }),
  )
  const stateMachines = each('AWS::StepFunctions::StateMachine', (id) =>
    readStateMachine(id, read, resolver),
  )
  const targetOf = targetFinder(functions, stateMachines)
  const groups = each('AWS::ElasticLoadBalancingV2::TargetGroup', (id) =>
    readTargetGroup(id, read, resolver, targetOf),
  )
  const rules = each('AWS::Events::Rule', (id) => readRule(id, read, resolver, targetOf))
  return {
    functions,
    stateMachines,
    listenerRules: byPriority(
      each('AWS::ElasticLoadBalancingV2::ListenerRule', (id) => readListenerRule(id, read, groups)),
    ),
    eventSourceMappings: each('AWS::Lambda::EventSourceMapping', (id) =>
      readMapping(id, read, targetOf),
    ),
    schedules: [
      ...rules.flatMap((rule) => rule.schedules),
      ...each('AWS::Scheduler::Schedule', (id) => readSchedule(id, read, resolver, targetOf)),
    ],
    eventRules: rules.flatMap((rule) => rule.eventRules),
  }
}

type Read = <S extends z.ZodRawShape>(
  logicalId: string,
  shape: S,
  ignored: readonly string[],
) => z.output<z.ZodObject<S>>

/**
 * Only the properties in `shape` are resolved; any that is neither there nor in `ignored` is
 * refused.
 */
function readProperties<S extends z.ZodRawShape>(
  logicalId: string,
  resource: Resource,
  shape: S,
  ignored: readonly string[],
  resolver: Resolver,
): z.output<z.ZodObject<S>> {
  const properties = Object.entries(resource.Properties ?? {}).filter(
    ([key]) => !ignored.includes(key),
  )
  const values: Record<string, unknown> = {}
  for (const [key, value] of properties) {
    const known = Object.hasOwn(shape, key)
    values[key] = known ? resolver.resolve(value, `${logicalId}.${key}`) : value
  }
  const parsed = z.strictObject(shape).safeParse(values)
  if (!parsed.success) {
    throw new TemplateError(`${logicalId} (${resource.Type}): ${sentence(parsed.error)}.`)
  }
  // The strict object only adds a refusal of unknown keys; its output type is that of the plain
  // one.
  return parsed.data as z.output<z.ZodObject<S>>
}

function sentence(error: z.ZodError): string {
  const issue = error.issues[0]
  const where = issue?.path.join('.')
  return where ? `${where}: ${issue?.message}` : (issue?.message ?? 'not understood')
}

const optionalStrings = z.array(z.string()).default([])
const switched = z.enum(['ENABLED', 'DISABLED']).default('ENABLED')

type InvokeConfig = { functionName: string; retriesMax: number; ageSecondsMax: number }

const ASYNC_RETRIES_MAX = 2
const ASYNC_AGE_SECONDS_MAX = 21_600

function readInvokeConfig(logicalId: string, read: Read): InvokeConfig {
  const properties = read(
    logicalId,
    {
      FunctionName: z.string(),
      MaximumRetryAttempts: z.number().int().min(0).max(2).default(ASYNC_RETRIES_MAX),
      MaximumEventAgeInSeconds: z.number().int().min(60).max(21_600).default(ASYNC_AGE_SECONDS_MAX),
      // The packager writes an empty one; a destination itself is not played here.
      DestinationConfig: z.strictObject({}).optional(),
    },
    ['Qualifier'],
  )
  return {
    functionName: functionNameOf(properties.FunctionName),
    retriesMax: properties.MaximumRetryAttempts,
    ageSecondsMax: properties.MaximumEventAgeInSeconds,
  }
}

type Alias = { functionName: string; provisioned: number | undefined }

function readAlias(logicalId: string, read: Read): Alias {
  const properties = read(
    logicalId,
    {
      FunctionName: z.string(),
      ProvisionedConcurrencyConfig: z
        .strictObject({ ProvisionedConcurrentExecutions: z.coerce.number().int().min(1) })
        .optional(),
    },
    ['FunctionVersion', 'Name', 'Description', 'RoutingConfig'],
  )
  return {
    functionName: functionNameOf(properties.FunctionName),
    provisioned: properties.ProvisionedConcurrencyConfig?.ProvisionedConcurrentExecutions,
  }
}

function readFunction(
  logicalId: string,
  {
    read,
    resolver,
    invokeConfigs,
    aliases,
  }: {
    read: Read
    resolver: Resolver
    invokeConfigs: readonly InvokeConfig[]
    aliases: readonly Alias[]
  },
): TemplateFunction {
  const properties = read(
    logicalId,
    {
      Handler: z.string(),
      Runtime: z.string().startsWith('nodejs'),
      MemorySize: z.number().int().min(128).max(10_240).default(128),
      Timeout: z.number().min(1).max(900).default(3),
      ReservedConcurrentExecutions: z.number().int().min(0).optional(),
      Environment: z
        .strictObject({ Variables: z.record(z.string(), z.union([z.string(), z.number()])) })
        .default({ Variables: {} }),
      Layers: optionalStrings,
    },
    FUNCTION_IGNORED,
  )
  const name = resolver.resourceName(logicalId)
  const config = invokeConfigs.find((one) => one.functionName === name)
  return {
    logicalId,
    name,
    arn: resolver.arn(logicalId),
    handler: properties.Handler,
    memoryMb: properties.MemorySize,
    timeoutSeconds: properties.Timeout,
    reservedConcurrency: properties.ReservedConcurrentExecutions,
    provisionedConcurrency: aliases.find((one) => one.functionName === name && one.provisioned)
      ?.provisioned,
    environment: Object.fromEntries(
      Object.entries(properties.Environment.Variables).map(([key, value]) => [key, String(value)]),
    ),
    layers: properties.Layers,
    asyncRetriesMax: config?.retriesMax ?? ASYNC_RETRIES_MAX,
    asyncAgeSecondsMax: config?.ageSecondsMax ?? ASYNC_AGE_SECONDS_MAX,
  }
}

/** They place a function in AWS and change nothing that a caller can see. */
const FUNCTION_IGNORED = [
  'Code',
  'FunctionName',
  'Architectures',
  'TracingConfig',
  'Role',
  'VpcConfig',
  'Description',
  'Tags',
  'KmsKeyArn',
  'LoggingConfig',
  'EphemeralStorage',
  'RuntimeManagementConfig',
]

function readStateMachine(logicalId: string, read: Read, resolver: Resolver): StateMachine {
  const properties = read(
    logicalId,
    {
      DefinitionString: z.string(),
      StateMachineType: z.enum(['STANDARD', 'EXPRESS']).default('STANDARD'),
    },
    ['RoleArn', 'TracingConfiguration', 'LoggingConfiguration', 'StateMachineName', 'Tags'],
  )
  return {
    logicalId,
    name: resolver.resourceName(logicalId),
    arn: resolver.arn(logicalId),
    type: properties.StateMachineType,
    definition: parseJsonObject(properties.DefinitionString, `${logicalId}.DefinitionString`),
  }
}

function parseJsonObject(text: string, where: string): Record<string, unknown> {
  try {
    return z.record(z.string(), z.unknown()).parse(JSON.parse(text))
  } catch (cause) {
    throw new TemplateError(`${where} is not a JSON object.`, { cause })
  }
}

type Target = { readonly kind: EventTarget['kind']; readonly name: string; readonly arn: string }
type TargetOf = (arn: string, where: string) => Target

/** Finds whom an ARN (or name, with or without an alias) means. */
function targetFinder(functions: readonly Named[], machines: readonly Named[]): TargetOf {
  return (arn, where) => {
    const machine = machines.find((one) => one.arn === arn)
    if (machine) return { kind: 'state-machine', name: machine.name, arn }
    const called = functions.find((one) => one.name === functionNameOf(arn))
    if (called) return { kind: 'function', name: called.name, arn: called.arn }
    throw new TemplateError(
      `${where} targets ${arn}, which is no function or state machine of this template.`,
    )
  }
}

type Named = Pick<Target, 'name' | 'arn'>

function onlyFunction(target: Target, where: string): string {
  if (target.kind === 'function') return target.name
  throw new TemplateError(`${where} must target a function, not ${target.name}.`)
}

/** The bare name in a function name, partial ARN or ARN, with or without a qualifier. */
export function functionNameOf(nameOrArn: string): string {
  const [, afterFunction] = nameOrArn.split(/(?:^|:)function:/)
  return (afterFunction ?? nameOrArn).split(':')[0] ?? nameOrArn
}

/** The key of a function in serverless.yml, which names it `service-stage-key`; a key has no dash. */
export const functionKeyOf = (functionName: string): string =>
  functionName.split('-').at(-1) ?? functionName

function readTargetGroup(
  logicalId: string,
  read: Read,
  resolver: Resolver,
  targetOf: TargetOf,
): TargetGroup {
  const properties = read(
    logicalId,
    {
      TargetType: z.literal('lambda'),
      Targets: z.tuple([z.strictObject({ Id: z.string() })]),
      TargetGroupAttributes: z
        .array(
          z.strictObject({
            Key: z.literal('lambda.multi_value_headers.enabled'),
            Value: z.union([z.boolean(), z.enum(['true', 'false'])]),
          }),
        )
        .default([]),
      HealthCheckEnabled: z.boolean().default(false),
      HealthCheckPath: z.string().default('/'),
      HealthCheckIntervalSeconds: z.number().default(35),
      HealthCheckTimeoutSeconds: z.number().default(30),
      HealthyThresholdCount: z.number().int().default(5),
      UnhealthyThresholdCount: z.number().int().default(2),
      Matcher: z.strictObject({ HttpCode: z.string() }).default({ HttpCode: '200' }),
    },
    ['Name', 'Tags'],
  )
  const where = `${logicalId}.Targets`
  return {
    arn: resolver.arn(logicalId),
    functionName: onlyFunction(targetOf(properties.Targets[0].Id, where), where),
    multiValueHeaders: String(properties.TargetGroupAttributes[0]?.Value ?? false) === 'true',
    healthCheck: properties.HealthCheckEnabled
      ? {
          path: properties.HealthCheckPath,
          intervalSeconds: properties.HealthCheckIntervalSeconds,
          timeoutSeconds: properties.HealthCheckTimeoutSeconds,
          healthyThreshold: properties.HealthyThresholdCount,
          unhealthyThreshold: properties.UnhealthyThresholdCount,
          matcher: properties.Matcher.HttpCode,
        }
      : undefined,
  }
}

const values = z.array(z.string()).min(1)

const conditionSchema = z.discriminatedUnion('Field', [
  z
    .strictObject({
      Field: z.literal('path-pattern'),
      Values: values.optional(),
      PathPatternConfig: z.strictObject({ Values: values }).optional(),
    })
    .transform((c) => ({
      field: 'path' as const,
      values: c.PathPatternConfig?.Values ?? c.Values ?? [],
    })),
  z
    .strictObject({
      Field: z.literal('host-header'),
      Values: values.optional(),
      HostHeaderConfig: z.strictObject({ Values: values }).optional(),
    })
    .transform((c) => ({
      field: 'host' as const,
      values: c.HostHeaderConfig?.Values ?? c.Values ?? [],
    })),
  z
    .strictObject({
      Field: z.literal('http-request-method'),
      HttpRequestMethodConfig: z.strictObject({ Values: values }),
    })
    .transform((c) => ({ field: 'method' as const, values: c.HttpRequestMethodConfig.Values })),
  z
    .strictObject({
      Field: z.literal('http-header'),
      HttpHeaderConfig: z.strictObject({ HttpHeaderName: z.string(), Values: values }),
    })
    .transform(({ HttpHeaderConfig: config }) => ({
      field: 'header' as const,
      name: config.HttpHeaderName,
      values: config.Values,
    })),
  z
    .strictObject({
      Field: z.literal('query-string'),
      QueryStringConfig: z.strictObject({
        Values: z.array(z.strictObject({ Key: z.string().optional(), Value: z.string() })).min(1),
      }),
    })
    .transform((c) => ({
      field: 'query' as const,
      values: c.QueryStringConfig.Values.map(({ Key, Value }) => ({ key: Key, value: Value })),
    })),
  z
    .strictObject({
      Field: z.literal('source-ip'),
      SourceIpConfig: z.strictObject({ Values: values }),
    })
    .transform((c) => ({ field: 'source-ip' as const, values: c.SourceIpConfig.Values })),
])

function readListenerRule(
  logicalId: string,
  read: Read,
  groups: readonly TargetGroup[],
): ListenerRule {
  const properties = read(
    logicalId,
    {
      Actions: z.tuple([
        z.strictObject({
          Type: z.literal('forward'),
          TargetGroupArn: z.string(),
          Order: z.number().optional(),
        }),
      ]),
      Conditions: z.array(conditionSchema).min(1),
      ListenerArn: z.string(),
      Priority: z.number().int().min(1).max(50_000),
    },
    [],
  )
  const [{ TargetGroupArn: arn }] = properties.Actions
  const targetGroup = groups.find((one) => one.arn === arn)
  if (!targetGroup)
    throw new TemplateError(`${logicalId} forwards to ${arn}, which is not in the template.`)
  return {
    logicalId,
    listenerArn: properties.ListenerArn,
    priority: properties.Priority,
    conditions: properties.Conditions,
    targetGroup,
  }
}

/** AWS refuses two rules of one listener with the same priority, but only at deployment. */
function byPriority(rules: readonly ListenerRule[]): ListenerRule[] {
  const taken = new Map<string, string>()
  for (const { logicalId, listenerArn, priority } of rules) {
    const other = taken.get(`${listenerArn} ${priority}`)
    if (other) throw new TemplateError(`${other} and ${logicalId} both have priority ${priority}.`)
    taken.set(`${listenerArn} ${priority}`, logicalId)
  }
  return [...rules].sort((a, b) => a.priority - b.priority)
}

function readMapping(logicalId: string, read: Read, targetOf: TargetOf): EventSourceMapping {
  const properties = read(logicalId, mappingShape, ['Tags', 'SourceAccessConfigurations'])
  const where = `${logicalId}.FunctionName`
  const pollers = properties.ProvisionedPollerConfig
  return {
    logicalId,
    functionName: onlyFunction(targetOf(properties.FunctionName, where), where),
    eventSourceArn: properties.EventSourceArn,
    topic: properties.Topics[0],
    batchSizeMax: properties.BatchSize,
    windowSeconds: properties.MaximumBatchingWindowInSeconds,
    // Lambda uses the mapping's own UUID where none is named; the logical id is as stable.
    consumerGroupId: properties.AmazonManagedKafkaEventSourceConfig?.ConsumerGroupId ?? logicalId,
    startingPosition: properties.StartingPosition,
    startingTimestampSeconds: properties.StartingPositionTimestamp,
    enabled: properties.Enabled,
    functionResponseTypes: properties.FunctionResponseTypes,
    filterPatterns: properties.FilterCriteria.Filters.map((filter) => filter.Pattern),
    retryAttemptsMax: properties.MaximumRetryAttempts,
    recordAgeSecondsMax: properties.MaximumRecordAgeInSeconds,
    bisectBatchOnError: properties.BisectBatchOnFunctionError,
    onFailureDestinationArn: properties.DestinationConfig?.OnFailure.Destination,
    pollers: pollers && { min: pollers.MinimumPollers, max: pollers.MaximumPollers },
  }
}

const mappingShape = {
  EventSourceArn: z.string(),
  FunctionName: z.string(),
  Topics: z.tuple([z.string()]),
  StartingPosition: z.enum(['TRIM_HORIZON', 'LATEST', 'AT_TIMESTAMP']),
  StartingPositionTimestamp: z.number().optional(),
  BatchSize: z.number().int().min(1).max(10_000).default(100),
  // The documented default for Kafka; whole seconds can be set, half a second only by leaving it
  // out.
  MaximumBatchingWindowInSeconds: z.number().min(0).max(300).default(0.5),
  Enabled: z.boolean().default(true),
  AmazonManagedKafkaEventSourceConfig: z.strictObject({ ConsumerGroupId: z.string() }).optional(),
  FunctionResponseTypes: z.array(z.literal('ReportBatchItemFailures')).default([]),
  FilterCriteria: z
    .strictObject({ Filters: z.array(z.strictObject({ Pattern: z.string() })) })
    .default({ Filters: [] }),
  MaximumRetryAttempts: z.number().int().min(-1).max(10_000).default(-1),
  MaximumRecordAgeInSeconds: z.number().int().min(-1).max(604_800).default(-1),
  BisectBatchOnFunctionError: z.boolean().default(false),
  DestinationConfig: z
    .strictObject({ OnFailure: z.strictObject({ Destination: z.string() }) })
    .optional(),
  ProvisionedPollerConfig: z
    .strictObject({
      MinimumPollers: z.number().int().min(1).default(1),
      MaximumPollers: z.number().int().min(1).default(200),
      PollerGroupName: z.string().optional(),
    })
    .optional(),
}

function readRule(
  logicalId: string,
  read: Read,
  resolver: Resolver,
  targetOf: TargetOf,
): { schedules: Schedule[]; eventRules: EventRule[] } {
  const properties = read(
    logicalId,
    {
      EventPattern: z.record(z.string(), z.unknown()).optional(),
      ScheduleExpression: z.string().optional(),
      EventBusName: z.string().default('default'),
      State: switched,
      Targets: z.array(ruleTargetSchema).min(1),
    },
    ['Name', 'Description', 'RoleArn', 'Tags'],
  )
  const where = `${logicalId}.Targets`
  const shared = {
    name: resolver.resourceName(logicalId),
    arn: resolver.arn(logicalId),
    enabled: properties.State === 'ENABLED',
  }
  const { EventPattern: pattern, ScheduleExpression: expression, EventBusName: bus } = properties
  if (pattern) {
    const targets = properties.Targets.map((target) =>
      eventTarget(target, targetOf(target.Arn, where)),
    )
    return { schedules: [], eventRules: [{ ...shared, bus, pattern, targets }] }
  }
  if (!expression || bus !== 'default') {
    throw new TemplateError(`${logicalId} needs a pattern, or a schedule on the default bus.`)
  }
  const schedules = properties.Targets.map((target): Schedule => {
    if (target.InputPath || target.InputTransformer) {
      throw new TemplateError(
        `${logicalId} transforms a schedule's event, which is not played here.`,
      )
    }
    const functionName = onlyFunction(targetOf(target.Arn, where), where)
    return { ...shared, expression, timezone: 'UTC', functionName, input: target.Input }
  })
  return { schedules, eventRules: [] }
}

const ruleTargetSchema = z.strictObject({
  Arn: z.string(),
  Id: z.string(),
  RoleArn: z.string().optional(),
  Input: z.string().optional(),
  InputPath: z.string().optional(),
  InputTransformer: z
    .strictObject({
      InputPathsMap: z.record(z.string(), z.string()).default({}),
      InputTemplate: z.string(),
    })
    .optional(),
})

function eventTarget(target: z.output<typeof ruleTargetSchema>, found: Target): EventTarget {
  const transformer = target.InputTransformer
  return {
    ...found,
    input: target.Input,
    inputPath: target.InputPath,
    inputTransformer: transformer && {
      paths: transformer.InputPathsMap,
      template: transformer.InputTemplate,
    },
  }
}

function readSchedule(
  logicalId: string,
  read: Read,
  resolver: Resolver,
  targetOf: TargetOf,
): Schedule {
  const properties = read(
    logicalId,
    {
      ScheduleExpression: z.string(),
      ScheduleExpressionTimezone: z.string().default('UTC'),
      State: switched,
      Target: z.strictObject({
        Arn: z.string(),
        RoleArn: z.string().optional(),
        Input: z.string().optional(),
      }),
      FlexibleTimeWindow: z.strictObject({ Mode: z.literal('OFF') }),
    },
    ['Name', 'Description', 'GroupName', 'KmsKeyArn'],
  )
  const where = `${logicalId}.Target`
  return {
    name: resolver.resourceName(logicalId),
    arn: resolver.arn(logicalId),
    expression: properties.ScheduleExpression,
    timezone: properties.ScheduleExpressionTimezone,
    functionName: onlyFunction(targetOf(properties.Target.Arn, where), where),
    input: properties.Target.Input,
    enabled: properties.State === 'ENABLED',
  }
}

const PLAYED: ReadonlySet<string> = new Set([
  'AWS::Lambda::Function',
  'AWS::Lambda::Alias',
  'AWS::Lambda::EventInvokeConfig',
  'AWS::Lambda::EventSourceMapping',
  'AWS::ElasticLoadBalancingV2::TargetGroup',
  'AWS::ElasticLoadBalancingV2::ListenerRule',
  'AWS::Events::Rule',
  'AWS::Scheduler::Schedule',
  'AWS::StepFunctions::StateMachine',
])

/** They have no behaviour of their own on one machine. */
const ELSEWHERE: ReadonlySet<string> = new Set([
  'AWS::S3::Bucket',
  'AWS::S3::BucketPolicy',
  'AWS::Logs::LogGroup',
  'AWS::IAM::Role',
  'AWS::IAM::Policy',
  'AWS::IAM::ManagedPolicy',
  'AWS::Lambda::Permission',
  'AWS::Lambda::Version',
  'AWS::Lambda::LayerVersion',
  'AWS::Events::EventBus',
  // How an alias moves to a new version: here there is one version only.
  'AWS::CodeDeploy::Application',
  'AWS::CodeDeploy::DeploymentConfig',
  'AWS::CodeDeploy::DeploymentGroup',
  'AWS::CloudWatch::Alarm',
])
