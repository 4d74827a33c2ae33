/** What the reader could not make sense of, in one sentence a person can act on. */
export class TemplateError extends Error {
  override readonly name = 'TemplateError'
}

export type Resource = {
  readonly Type: string
  readonly Properties?: Readonly<Record<string, unknown>>
}

export type Parameter = { readonly Type: string; readonly Default?: unknown }

export type Source = {
  readonly resources: Readonly<Record<string, Resource>>
  readonly parameters: Readonly<Record<string, Parameter>>
}

/** Where the stack pretends to live; it shapes every ARN. */
export type Place = {
  readonly region: string
  /** Twelve digits. */
  readonly accountId: string
  readonly stackName: string
}

export type Resolver = {
  /** The value with every intrinsic function replaced; `where` names the place in an error. */
  readonly resolve: (value: unknown, where: string) => unknown
  /** The ARN that Fn::GetAtt Arn (or Ref, for types that work so) gives for a resource. */
  readonly arn: (logicalId: string) => string
  /** The physical name of a resource. */
  readonly resourceName: (logicalId: string) => string
}

/** Deeper nesting than CloudFormation accepts would be a cycle. */
const DEPTH_MAX = 64

type Values = Readonly<Record<string, string>>

/**
 * Gives a resolver of Ref, Fn::GetAtt, Fn::Sub, Fn::Join, Fn::Select and Fn::Split over one
 * template.
 *
 * Values are resolved only when somebody asks, so a parameter that only AWS needs (a subnet, a
 * role) does not have to be named on one machine.
 *
 * @param values parameter values, by parameter name or by SSM path.
 */
export function createResolver(source: Source, values: Values, place: Place): Resolver {
  const resource = (logicalId: string, where: string): Resource => {
    const found = source.resources[logicalId]
    if (!found)
      throw new TemplateError(`${where} refers to ${logicalId}, which is not in the template.`)
    return found
  }

  const named = (logicalId: string, where = logicalId): { type: string; name: string } => {
    const { Type: type, Properties: properties } = resource(logicalId, where)
    const key = NAME_PROPERTY[type]
    const given = key === undefined ? undefined : properties?.[key]
    const name = given === undefined ? logicalId : String(resolve(given, `${logicalId}.${key}`))
    return { type, name }
  }

  const arnOf = (logicalId: string, where = logicalId): string => {
    const { type, name } = named(logicalId, where)
    const shape = ARN[type]
    if (!shape)
      throw new TemplateError(
        `${where} wants the ARN of ${logicalId}, a ${type}, whose shape is unknown here.`,
      )
    return shape(name, place)
  }

  const ref = (id: string, where: string): unknown => {
    const pseudo = PSEUDO[id]
    if (pseudo) return pseudo(place)
    if (source.parameters[id]) return parameterValue(id, source.parameters[id], values, where)
    const { Type: type } = resource(id, where)
    return REF_IS_ARN.has(type) ? arnOf(id, where) : named(id, where).name
  }

  const attribute = (target: unknown, where: string): unknown => {
    const [logicalId, name] =
      typeof target === 'string' ? splitOnce(target, '.') : (target as readonly [string, string])
    if (name === 'Arn') return arnOf(logicalId, where)
    if (name === 'Version') return '$LATEST'
    if (name === 'Name') return named(logicalId, where).name
    throw new TemplateError(
      `${where} reads attribute ${name} of ${logicalId}, which is unknown here.`,
    )
  }

  const substitute = (argument: unknown, where: string, depth: number): string => {
    const [text, names] = Array.isArray(argument) ? argument : [argument, {}]
    return String(text).replace(/\$\{(!?)([^}]+)\}/g, (_whole, literal: string, key: string) => {
      if (literal) return `\${${key}}`
      if (Object.hasOwn(names, key)) return String(walk(names[key], where, depth))
      return String(key.includes('.') ? attribute(key, where) : ref(key, where))
    })
  }

  const intrinsic = (name: string, argument: unknown, where: string, depth: number): unknown => {
    switch (name) {
      case 'Ref':
        return ref(String(argument), where)
      case 'Fn::GetAtt':
        return attribute(argument, where)
      case 'Fn::Sub':
        return substitute(argument, where, depth)
      case 'Fn::Join': {
        const [separator, parts] = walk(argument, where, depth) as [string, unknown[]]
        return parts.join(separator)
      }
      case 'Fn::Select': {
        const [index, list] = walk(argument, where, depth) as [number, unknown[]]
        return list[Number(index)]
      }
      case 'Fn::Split': {
        const [separator, text] = walk(argument, where, depth) as [string, string]
        return text.split(separator)
      }
      default:
        throw new TemplateError(`${where} uses ${name}, which is not understood here.`)
    }
  }

  const walk = (value: unknown, where: string, depth: number): unknown => {
    if (depth > DEPTH_MAX) throw new TemplateError(`${where} refers to itself.`)
    if (Array.isArray(value)) return value.map((item) => walk(item, where, depth + 1))
    if (typeof value !== 'object' || value === null) return value
    const entries = Object.entries(value)
    const [only] = entries
    if (entries.length === 1 && only && isIntrinsic(only[0])) {
      return intrinsic(only[0], only[1], where, depth + 1)
    }
    return Object.fromEntries(
      entries.map(([key, item]) => [key, walk(item, `${where}.${key}`, depth + 1)]),
    )
  }

  const resolve = (value: unknown, where: string) => walk(value, where, 0)
  return { resolve, arn: arnOf, resourceName: (logicalId) => named(logicalId).name }
}

const isIntrinsic = (key: string) => key === 'Ref' || key === 'Condition' || key.startsWith('Fn::')

function splitOnce(text: string, separator: string): readonly [string, string] {
  const at = text.indexOf(separator)
  return [text.slice(0, at), text.slice(at + 1)]
}

/** An SSM-typed parameter's default is a path, never its value; a plain parameter's default is. */
function parameterValue(
  name: string,
  parameter: Parameter,
  values: Values,
  where: string,
): unknown {
  const isPath = parameter.Type.startsWith('AWS::SSM::Parameter::Value')
  const path = isPath && typeof parameter.Default === 'string' ? parameter.Default : undefined
  const given = values[name] ?? (path === undefined ? parameter.Default : values[path])
  if (given !== undefined)
    return parameter.Type.includes('List<') ? String(given).split(',') : given
  const origin = path === undefined ? 'has no default' : `is read from SSM at ${path}`
  throw new TemplateError(
    `${where} needs the parameter ${name}, which ${origin} and has no value here.`,
  )
}

const PSEUDO: Readonly<Record<string, (place: Place) => unknown>> = {
  'AWS::Region': (place) => place.region,
  'AWS::AccountId': (place) => place.accountId,
  'AWS::Partition': () => 'aws',
  'AWS::URLSuffix': () => 'amazonaws.com',
  'AWS::StackName': (place) => place.stackName,
  'AWS::NoValue': () => undefined,
}

const NAME_PROPERTY: Readonly<Record<string, string>> = {
  'AWS::Lambda::Function': 'FunctionName',
  'AWS::Lambda::LayerVersion': 'LayerName',
  'AWS::StepFunctions::StateMachine': 'StateMachineName',
  'AWS::ElasticLoadBalancingV2::TargetGroup': 'Name',
  'AWS::Events::Rule': 'Name',
  'AWS::Events::EventBus': 'Name',
  'AWS::Scheduler::Schedule': 'Name',
  'AWS::S3::Bucket': 'BucketName',
  'AWS::IAM::Role': 'RoleName',
  'AWS::Logs::LogGroup': 'LogGroupName',
}

const regional = (service: string, place: Place, rest: string) =>
  `arn:aws:${service}:${place.region}:${place.accountId}:${rest}`

/**
 * The last part of a target group's ARN; AWS draws it, here it is constant so that restarts agree.
 */
const TARGET_GROUP_SUFFIX = '0000000000000000'

const ARN: Readonly<Record<string, (name: string, place: Place) => string>> = {
  'AWS::Lambda::Function': (name, place) => regional('lambda', place, `function:${name}`),
  'AWS::Lambda::LayerVersion': (name, place) => regional('lambda', place, `layer:${name}:1`),
  'AWS::StepFunctions::StateMachine': (name, place) =>
    regional('states', place, `stateMachine:${name}`),
  'AWS::ElasticLoadBalancingV2::TargetGroup': (name, place) =>
    regional('elasticloadbalancing', place, `targetgroup/${name}/${TARGET_GROUP_SUFFIX}`),
  'AWS::Events::Rule': (name, place) => regional('events', place, `rule/${name}`),
  'AWS::Events::EventBus': (name, place) => regional('events', place, `event-bus/${name}`),
  'AWS::Scheduler::Schedule': (name, place) =>
    regional('scheduler', place, `schedule/default/${name}`),
  'AWS::S3::Bucket': (name) => `arn:aws:s3:::${name}`,
  'AWS::IAM::Role': (name, place) => `arn:aws:iam::${place.accountId}:role/${name}`,
  'AWS::Logs::LogGroup': (name, place) => regional('logs', place, `log-group:${name}:*`),
}

/** Ref gives the ARN for these; for all others the name. */
const REF_IS_ARN: ReadonlySet<string> = new Set([
  'AWS::StepFunctions::StateMachine',
  'AWS::ElasticLoadBalancingV2::TargetGroup',
  'AWS::Lambda::LayerVersion',
])
