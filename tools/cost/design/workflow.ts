import * as z from 'zod'
import { functionNameOf, type StateMachine } from '../../../local/template/template.ts'
import { InputError } from '../inputs/yaml.ts'

export type Path = {
  /** State transitions of one execution that meets no error. */
  readonly transitions: number
  /** How often it calls each function, by its name in serverless.yml. */
  readonly calls: ReadonlyMap<string, number>
  readonly encodes: number
}

type Definition = z.output<typeof definitionSchema>

const stateSchema = z.looseObject({
  Type: z.enum(['Task', 'Choice', 'Wait', 'Pass', 'Parallel', 'Succeed', 'Fail']),
  Next: z.string().optional(),
  Default: z.string().optional(),
  Resource: z.string().optional(),
  Choices: z.array(z.looseObject({ Next: z.string() })).default([]),
  get Branches() {
    return z.array(definitionSchema).default([])
  },
})
const definitionSchema = z.looseObject({
  StartAt: z.string(),
  States: z.record(z.string(), stateSchema),
})

/**
 * The longest way through a state machine without errors: every state entered is one transition, and one more starts
 * the execution. Retries and catches are left out; they are rare, and the fault suite counts them.
 */
export const pathOf = ({ definition, name }: StateMachine): Path => {
  const parsed = definitionSchema.safeParse(definition)
  if (!parsed.success) {
    const [issue] = parsed.error.issues
    throw new InputError(`${name}: ${issue?.path.join('.')}: ${issue?.message}.`)
  }
  const path = longest(parsed.data, parsed.data.StartAt, [], name)
  return { ...path, transitions: path.transitions + 1 }
}

const NOTHING: Path = { transitions: 0, calls: new Map(), encodes: 0 }

const longest = (
  definition: Definition,
  at: string,
  before: readonly string[],
  machine: string,
): Path => {
  const state = definition.States[at]
  if (!state) throw new InputError(`${machine} goes to ${at}, which is not there.`)
  if (before.includes(at)) throw new InputError(`${machine} runs in a circle at ${at}.`)
  const inner = state.Branches.map((branch) => longest(branch, branch.StartAt, [], machine))
  const next = [state.Next, state.Default, ...state.Choices.map((choice) => choice.Next)]
    .filter((name) => name !== undefined)
    .map((name) => longest(definition, name, [...before, at], machine))
    .toSorted((one, other) => other.transitions - one.transitions)
  return [own(state.Resource), ...inner, next[0] ?? NOTHING].reduce(join)
}

const own = (resource = ''): Path => ({
  transitions: 1,
  calls: resource.includes(':function:')
    ? new Map([[functionNameOf(resource).split('-').at(-1) ?? '', 1]])
    : new Map(),
  encodes: resource.includes('mediaconvert:createJob') ? 1 : 0,
})

const join = (one: Path, other: Path): Path => ({
  transitions: one.transitions + other.transitions,
  calls: [...other.calls].reduce(
    (calls, [name, times]) => calls.set(name, (calls.get(name) ?? 0) + times),
    new Map(one.calls),
  ),
  encodes: one.encodes + other.encodes,
})
