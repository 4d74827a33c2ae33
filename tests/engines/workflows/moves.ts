import type { Json } from '../../../local/step-functions/definition.ts'
import { errorsOf, fateOf, type WorkflowMachine } from './machine.ts'

/** A task fails so often, counted over all its visits; then it answers. */
export type Fault = { readonly state: string; readonly error: string; readonly times: number }

/** What a run is made to meet. */
export type Script = {
  readonly faults: readonly Fault[]
  /** By state, instead of the machine's own answers. */
  readonly answers: Readonly<Record<string, Json>>
}

/** A way out of a state, and what leads there. */
export type Move = {
  readonly title: string
  readonly script: Script
  /** How often the state's function is called meanwhile; 0 where it has none. */
  readonly calls: number
  /** Undefined where the execution ends. */
  readonly next: string | undefined
  /** Index of the retrier that had its say, and of the catcher that was taken. */
  readonly retrier?: number
  readonly catcher?: number
}

/** Every way out of a state, read from the file: each error once as a hiccup and once for good, each branch. */
export const movesFrom = (machine: WorkflowMachine, name: string): readonly Move[] => {
  const state = machine.definition.States[name]
  if (state?.Type === 'Task') return taskMoves(machine, name)
  if (state?.Type === 'Choice') return choiceMoves(machine, name)
  return [{ title: 'passes', script: NOTHING, calls: 0, next: nextOf(machine, name) }]
}

/** The script of the shortest way to a state. @throws where there is none: nothing may be out of reach. */
export const scriptTo = (machine: WorkflowMachine, target: string): Script => {
  const found = new Map<string, Script>([[machine.definition.StartAt, NOTHING]])
  // A Map goes on to what is added while it is walked: breadth first.
  for (const [name, script] of found) {
    if (name === target) return script
    for (const move of movesFrom(machine, name).toSorted((a, b) => a.calls - b.calls))
      if (move.next !== undefined && !found.has(move.next))
        found.set(move.next, both(script, move.script))
  }
  throw new Error(`${machine.name}: no way leads to ${target}`)
}

export const both = (first: Script, second: Script): Script => ({
  faults: [...first.faults, ...second.faults],
  answers: { ...first.answers, ...second.answers },
})

const NOTHING: Script = { faults: [], answers: {} }

const nextOf = ({ definition }: WorkflowMachine, name: string) =>
  definition.States[name]?.Next as string | undefined

const taskMoves = (machine: WorkflowMachine, name: string): Move[] => {
  const state = machine.definition.States[name]
  const next = nextOf(machine, name)
  const failing = (error: string, times: number): Script => ({
    faults: [{ state: name, error, times }],
    answers: {},
  })
  const good: Move = { title: 'answers', script: NOTHING, calls: 1, next }
  if (!state) return []
  return [
    good,
    ...errorsOf(state).flatMap((error): Move[] => {
      const { attempts, retrier, ...end } = fateOf(state, error)
      const title = `fails with ${error}`
      const script = failing(error, attempts)
      const forGood = { title: `${title} for good`, script, calls: attempts, retrier, ...end }
      if (attempts === 1) return [forGood]
      const once = { title: `${title} once`, script: failing(error, 1), calls: 2, next, retrier }
      return [once, forGood]
    }),
  ]
}

type Rule = { readonly Variable: string; readonly StringEquals: string; readonly Next: string }

const choiceMoves = (machine: WorkflowMachine, name: string): Move[] => {
  const state = machine.definition.States[name]
  const rules = state?.Choices as readonly Rule[]
  const move = (rule: Rule, value: string, next: string): Move => ({
    title: `sees ${value}`,
    script: { faults: [], answers: answerWith(machine, rule.Variable, value) },
    calls: 0,
    next,
  })
  return [
    ...rules.map((rule) => move(rule, rule.StringEquals, rule.Next)),
    ...rules.slice(0, 1).map((rule) => move(rule, 'something else', state?.Default as string)),
  ]
}

/** The answer of the task whose result holds the variable: `$.rule.outcome` is a field of what went to `$.rule`. */
const answerWith = ({ definition }: WorkflowMachine, variable: string, value: string) => {
  const [, resultPath, field] = /^(\$\.\w+)\.(\w+)$/.exec(variable) ?? []
  const producer = Object.entries(definition.States).find(
    ([, { ResultPath }]) => ResultPath === resultPath,
  )
  if (!producer || !field) throw new Error(`no task gives ${variable}`)
  return { [producer[0]]: { [field]: value } }
}
