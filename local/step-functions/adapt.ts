import type { Definition, State } from './definition.ts'
import { placedStates, resourceOf } from './definition.ts'

/**
 * `aws-local-stepfunctions` plays JSONPath machines, yet some fields it plays differently from AWS,
 * and it knows nothing of restarts. This file turns a deployed definition into one that it plays
 * right; it changes no meaning. What cannot be carried over is refused at start, by name.
 *
 * | AWS | the interpreter alone | here |
 * |---|---|---|
 * | a Task waits for ever by default | 60 s | the task handler keeps all time limits |
 * | Retry pauses end with the execution | an abort retries at once | the task handler retries |
 * | Wait counts from its first entry | from every replay | a task with a recorded beginning |
 * | `$$.Execution.Id`, `.Name`, stable `.StartTime` | start of the replay | read from `$$.Run` |
 * | `$$.Task.Token`, `$$.State.Name` | absent | put into the template |
 * | `IsPresent: false` and its like | never true | `Not` of the true test |
 * | `ResultPath: "$"` replaces everything | makes a key `$` | left out |
 * | the machine's TimeoutSeconds | from every replay | kept by the engine |
 */
export function adapt(definition: Definition): Definition {
  const { TimeoutSeconds: _keptByEngine, ...rest } = definition
  return {
    ...rest,
    States: Object.fromEntries(
      Object.entries(definition.States).map(([name, state]) => [name, adaptState(name, state)]),
    ),
  }
}

/** Stands for the token in a Task's input until the task is really started. */
export const TASK_TOKEN_PLACEHOLDER = '\u0000task-token\u0000'

/** The Resource of a Wait state that is played as a task. */
export const WAIT_RESOURCE = 'local:wait'

/** The interpreter's own limit, in seconds: as long as a timer can be. Ours always comes first. */
const NO_TIMEOUT_SECONDS = 2_147_483

function adaptState(name: string, state: State): State {
  const adapted = renameContext(name, withoutRootResultPath(state)) as State
  switch (state.Type) {
    case 'Task': {
      const { Retry: _kept, HeartbeatSeconds: _also, ...task } = adapted
      return { ...task, TimeoutSeconds: NO_TIMEOUT_SECONDS }
    }
    case 'Wait':
      return waitAsTask(adapted)
    case 'Choice':
      return { ...adapted, Choices: (adapted.Choices as object[]).map(adaptRule) }
    default:
      return adaptInner(adapted)
  }
}

function adaptInner(state: State): State {
  return {
    ...state,
    ...(state.Branches === undefined ? {} : { Branches: state.Branches.map(adapt) }),
    ...(state.Iterator === undefined ? {} : { Iterator: adapt(state.Iterator) }),
    ...(state.ItemProcessor === undefined ? {} : { ItemProcessor: adapt(state.ItemProcessor) }),
  }
}

function waitAsTask(state: State): State {
  const { Seconds, Timestamp, SecondsPath, TimestampPath, Type: _wait, ...rest } = state
  const until =
    Seconds !== undefined
      ? { seconds: Seconds }
      : Timestamp !== undefined
        ? { timestamp: Timestamp }
        : SecondsPath !== undefined
          ? { 'seconds.$': SecondsPath }
          : { 'timestamp.$': TimestampPath }
  return {
    ...rest,
    Type: 'Task',
    Resource: WAIT_RESOURCE,
    Parameters: { ...until, 'input.$': '$' },
    TimeoutSeconds: NO_TIMEOUT_SECONDS,
  }
}

function withoutRootResultPath(state: State): State {
  const { ResultPath, ...rest } = state
  const catchers = state.Catch as { ResultPath?: string }[] | undefined
  return {
    ...rest,
    ...(ResultPath === undefined || ResultPath === '$' ? {} : { ResultPath }),
    ...(catchers === undefined ? {} : { Catch: catchers.map(withoutRoot) }),
  } as State // Only ResultPath was taken out.
}

function withoutRoot(catcher: { ResultPath?: string }): object {
  const { ResultPath, ...rest } = catcher
  return ResultPath === '$' || ResultPath === undefined ? rest : catcher
}

const TYPE_TESTS = ['IsPresent', 'IsNull', 'IsString', 'IsNumeric', 'IsBoolean', 'IsTimestamp']

function adaptRule(rule: object): object {
  const { Next, ...test } = rule as Record<string, unknown>
  return { ...adaptTest(test), ...(Next === undefined ? {} : { Next }) }
}

function adaptTest(test: Record<string, unknown>): Record<string, unknown> {
  if (Array.isArray(test.And)) return { ...test, And: test.And.map(adaptRule) }
  if (Array.isArray(test.Or)) return { ...test, Or: test.Or.map(adaptRule) }
  if (typeof test.Not === 'object') return { ...test, Not: adaptRule(test.Not as object) }
  const negative = TYPE_TESTS.find((name) => test[name] === false)
  return negative === undefined ? test : { Not: { ...test, [negative]: true } }
}

/**
 * Replaces references to the context object, except inside inner machines: those adapt themselves.
 */
function renameContext(name: string, value: unknown, key = ''): unknown {
  if (key === 'Branches' || key === 'Iterator' || key === 'ItemProcessor') return value
  if (typeof value === 'string') return value.replaceAll('$$.Execution', () => '$$.Run')
  if (Array.isArray(value)) return value.map((item) => renameContext(name, item))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([field, inner]) => {
      if (inner === '$$.Task.Token') return [field.replace(/\.\$$/, ''), TASK_TOKEN_PLACEHOLDER]
      if (inner === '$$.State.Name') return [field.replace(/\.\$$/, ''), name]
      return [field, renameContext(name, inner, field)]
    }),
  )
}

/** Why a definition cannot be played here, in words; empty if it can. */
export function unsupported(definition: Definition): string[] {
  return [
    ...(definition.QueryLanguage === 'JSONata' ? ['QueryLanguage JSONata'] : []),
    ...placedStates(definition).flatMap(({ name, state }) =>
      unsupportedInState(state).map((what) => `${name}: ${what}`),
    ),
    ...duplicates(placedStates(definition).map(({ name }) => name)).map(
      (name) => `${name}: the name is used twice`,
    ),
  ]
}

const REFUSED_FIELDS = [
  'QueryLanguage',
  'Arguments',
  'Output',
  'Assign',
  'ItemReader',
  'ItemBatcher',
  'ResultWriter',
  'TimeoutSecondsPath',
  'HeartbeatSecondsPath',
  'ToleratedFailureCount',
  'ToleratedFailurePercentage',
  'Credentials',
]

// A value that differs from one replay to the next would send a resumed execution down another way.
const REFUSED_TEXTS = [
  'States.UUID(',
  'States.MathRandom(',
  '$$.State.EnteredTime',
  '$$.State.RetryCount',
]

function unsupportedInState(state: State): string[] {
  const { Branches: _b, Iterator: _i, ItemProcessor: processor, ...own } = state
  const text = JSON.stringify(own)
  const mode = (processor?.ProcessorConfig as { Mode?: string } | undefined)?.Mode
  const resource = state.Type === 'Task' ? String(state.Resource) : undefined
  return [
    ...REFUSED_FIELDS.filter((field) => field in own && own[field] !== 'JSONPath'),
    ...REFUSED_TEXTS.filter((refused) => text.includes(refused)),
    ...(mode === 'DISTRIBUTED' ? ['ProcessorConfig.Mode DISTRIBUTED'] : []),
    ...('Result' in own && !own.Result ? ['a Result that is null, false, 0 or empty'] : []),
    ...(resource !== undefined && resourceOf(resource) === undefined
      ? [`Resource ${resource}`]
      : []),
  ]
}

const duplicates = (names: string[]): string[] =>
  names.filter((name, index) => names.indexOf(name) !== index)
