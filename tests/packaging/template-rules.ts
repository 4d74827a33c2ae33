import { logShareOf } from '../../shared/observe/sampling.ts'

// What neither the packager nor a linter notices in the template, and only a deployment or its first hour would.

const RESOURCES_MAX = 450
const RESERVED_CONCURRENCY_MAX = 900
/** A listener rule's limits, for values and for wildcards alike. */
const CONDITION_VALUES_MAX = 5
/** The internal balancer's rules below and above are Terraform's. */
const PRIORITY_MIN = 100
const PRIORITY_MAX = 899
const LOG_RETENTION_DAYS = 30
const CONDITION_FIELDS: readonly unknown[] = [
  ...['path-pattern', 'host-header', 'http-header', 'http-request-method'],
  ...['query-string', 'source-ip'],
]

type Resource = { readonly Type: string; readonly Properties?: Readonly<Record<string, unknown>> }
export type Template = { readonly Resources: Readonly<Record<string, Resource>> }

type Named = {
  readonly name: string
  readonly properties: Readonly<Record<string, unknown>>
}

type Limits = {
  /** So long the gateway waits for the head of an answer, and so long the balancers keep an idle connection. */
  readonly answerSecondsMax: number
}

/** Complaints about a packaged template, each a sentence that names the resource. */
export const templateComplaints = (
  template: Template,
  { answerSecondsMax }: Limits,
): readonly string[] => [
  ...resourceComplaints(template),
  ...ruleComplaints(allOf(template, 'AWS::ElasticLoadBalancingV2::ListenerRule')),
  ...targetComplaints(template, answerSecondsMax),
  ...functionComplaints(template),
  ...mappingComplaints(allOf(template, 'AWS::Lambda::EventSourceMapping')),
  // The packager substitutes a definition's functions only where it also holds a `#{…}` of its own.
  ...allOf(template, 'AWS::StepFunctions::StateMachine')
    .filter(({ properties }) => typeof properties.DefinitionString === 'string')
    .map(({ name }) => `${name} names its functions by placeholders`),
]

const allOf = ({ Resources }: Template, type: string): readonly Named[] =>
  Object.entries(Resources)
    .filter(([, { Type }]) => Type === type)
    .map(([name, { Properties = {} }]) => ({ name, properties: Properties }))

const resourceComplaints = ({ Resources }: Template): readonly string[] => {
  const { length } = Object.keys(Resources)
  return length > RESOURCES_MAX ? [`${length} resources`] : []
}

const ruleComplaints = (rules: readonly Named[]): readonly string[] => {
  const priorities = rules.map(({ properties }) => Number(properties.Priority))
  return [
    ...(new Set(priorities).size < priorities.length ? ['two rules share a priority'] : []),
    ...rules.flatMap(({ name, properties: { Priority, Conditions } }) => {
      const values = valuesAt(Conditions, 'Values').flat().map(String)
      const wildcards = values.join('').match(/[*?]/g) ?? []
      const fields = valuesAt(Conditions, 'Field').filter(
        (field) => !CONDITION_FIELDS.includes(field),
      )
      return [
        ...(Number(Priority) >= PRIORITY_MIN && Number(Priority) <= PRIORITY_MAX
          ? []
          : [`${name} has priority ${Priority}`]),
        ...(values.length > CONDITION_VALUES_MAX ? [`${name} has too many condition values`] : []),
        ...(wildcards.length > CONDITION_VALUES_MAX ? [`${name} has too many wildcards`] : []),
        ...fields.map((field) => `${name} has a condition on ${field}`),
      ]
    }),
  ]
}

/** Target groups, and the functions behind them, whose callers wait. */
const targetComplaints = (template: Template, answerSecondsMax: number): readonly string[] => {
  const functions = allOf(template, 'AWS::Lambda::Function')
  return allOf(template, 'AWS::ElasticLoadBalancingV2::TargetGroup').flatMap(
    ({ name, properties }) => {
      const text = JSON.stringify(properties)
      const slow = functions.filter(
        (each) =>
          text.includes(`"${each.name}"`) && Number(each.properties.Timeout) >= answerSecondsMax,
      )
      return [
        ...(text.includes('multi_value_headers.enabled')
          ? []
          : [`${name} has no multi-value headers`]),
        ...('Port' in properties || 'Protocol' in properties
          ? [`${name} is a lambda target group with a port`]
          : []),
        ...slow.map((each) => `${each.name} may answer when its caller has gone`),
      ]
    },
  )
}

const functionComplaints = (template: Template): readonly string[] => {
  const functions = allOf(template, 'AWS::Lambda::Function')
  const groups = allOf(template, 'AWS::Logs::LogGroup')
  const reserved = functions.reduce(
    (sum, { properties }) => sum + Number(properties.ReservedConcurrentExecutions ?? 0),
    0,
  )
  return [
    ...(reserved > RESERVED_CONCURRENCY_MAX ? [`${reserved} reserved executions`] : []),
    ...functions
      .filter(({ properties: { FunctionName } }) => {
        const group = groups.find(
          ({ properties }) => properties.LogGroupName === `/aws/lambda/${FunctionName}`,
        )
        return group?.properties.RetentionInDays !== LOG_RETENTION_DAYS
      })
      .map(({ name }) => `${name} keeps no logs for ${LOG_RETENTION_DAYS} days`),
    ...functions.flatMap(logShareComplaints),
  ]
}

/** A function that cannot read its share of logged traces does not start. */
const logShareComplaints = ({ name, properties }: Named): readonly string[] => {
  const [share] = valuesAt(properties.Environment, 'LOG_SHARE')
  try {
    logShareOf(share === undefined ? {} : { LOG_SHARE: String(share) })
    return []
  } catch {
    return [`${name} has a LOG_SHARE that is no share: ${share}`]
  }
}

/** Lambda refuses a second mapping of a Kafka consumer group. */
const mappingComplaints = (mappings: readonly Named[]): readonly string[] => {
  const groups = mappings.map(({ properties }) => valuesAt(properties, 'ConsumerGroupId')[0])
  return mappings.flatMap(({ name }, index) => {
    const group = groups[index]
    if (group === undefined) return [`${name} names no consumer group`]
    return groups.indexOf(group) < index ? [`${name} is in a group of another: ${group}`] : []
  })
}

/** Everything that stands under a key, however deep. */
const valuesAt = (node: unknown, key: string): readonly unknown[] =>
  typeof node !== 'object' || node === null
    ? []
    : Object.entries(node).flatMap(([name, value]) => [
        ...(name === key ? [value] : []),
        ...valuesAt(value, key),
      ])
