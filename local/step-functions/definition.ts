/** JSON as Step Functions carries it. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json }
export type JsonObject = { [key: string]: Json }

export type Retrier = {
  readonly ErrorEquals: readonly string[]
  readonly IntervalSeconds?: number
  readonly MaxAttempts?: number
  readonly BackoffRate?: number
  readonly MaxDelaySeconds?: number
  readonly JitterStrategy?: 'FULL' | 'NONE'
}

/** The parts of an ASL state that this stand-in reads itself; the interpreter reads the rest. */
export type State = {
  readonly Type: string
  readonly Resource?: string
  readonly Retry?: readonly Retrier[]
  readonly TimeoutSeconds?: number
  readonly HeartbeatSeconds?: number
  readonly Branches?: readonly Definition[]
  readonly Iterator?: Definition
  readonly ItemProcessor?: Definition
  readonly [field: string]: unknown
}

export type Definition = {
  readonly StartAt: string
  readonly States: Readonly<Record<string, State>>
  readonly TimeoutSeconds?: number
  readonly [field: string]: unknown
}

/** A state with its place: which Map or Parallel states it lies in, outermost first. */
export type Placed = { readonly name: string; readonly state: State; readonly within: string[] }

/** Every state of a machine, those of branches and iterators too. */
export function placedStates(definition: Definition, within: string[] = []): Placed[] {
  return Object.entries(definition.States).flatMap(([name, state]) => [
    { name, state, within },
    ...innerDefinitions(state).flatMap((inner) => placedStates(inner, [...within, name])),
  ])
}

export function innerDefinitions(state: State): readonly Definition[] {
  return [
    ...(state.Branches ?? []),
    ...(state.Iterator === undefined ? [] : [state.Iterator]),
    ...(state.ItemProcessor === undefined ? [] : [state.ItemProcessor]),
  ]
}

export type Resource =
  | { readonly kind: 'function'; readonly functionName: string }
  | { readonly kind: 'invoke'; readonly forToken: boolean }
  | { readonly kind: 'create-job'; readonly sync: boolean }

/** What a Task's `Resource` asks for; undefined if this stand-in does not play it. */
export function resourceOf(arn: string): Resource | undefined {
  if (/^arn:aws[a-z-]*:lambda:/.test(arn)) return { kind: 'function', functionName: arn }
  switch (arn.replace(/^arn:aws[a-z-]*:states:[a-z0-9-]*:[0-9]*:/, '')) {
    case 'lambda:invoke':
      return { kind: 'invoke', forToken: false }
    case 'lambda:invoke.waitForTaskToken':
      return { kind: 'invoke', forToken: true }
    case 'mediaconvert:createJob':
      return { kind: 'create-job', sync: false }
    case 'mediaconvert:createJob.sync':
      return { kind: 'create-job', sync: true }
    default:
      return undefined
  }
}
