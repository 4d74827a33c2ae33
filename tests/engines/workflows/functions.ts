import type { Json, JsonObject } from '../../../local/step-functions/definition.ts'
import { TIMEOUT, type WorkflowMachine } from './machine.ts'
import type { Script } from './moves.ts'

export type FunctionCall = { readonly state: string; readonly input: Json }

/** The functions of one run, which answer and fail as its script says. */
export type Functions = {
  readonly calls: readonly FunctionCall[]
  /** Undefined: it takes longer than its task has time. */
  call(state: string, input: Json): FunctionAnswer | undefined
}

export type FunctionAnswer = { readonly payload: Json; readonly isError: boolean }

export const functionsOf = (machine: WorkflowMachine, script: Script): Functions => {
  const calls: FunctionCall[] = []
  const faults = script.faults.flatMap(({ state, error, times }) =>
    Array.from({ length: times }, () => ({ state, error })),
  )
  return {
    calls,
    call(state, input) {
      calls.push({ state, input })
      const index = faults.findIndex((fault) => fault.state === state)
      const [fault] = index < 0 ? [] : faults.splice(index, 1)
      if (fault?.error === TIMEOUT) return undefined
      if (fault) return { payload: thrown(fault.error), isError: true }
      const payload = script.answers[state] ?? machine.answers[state] ?? { from: state }
      return { payload, isError: false }
    },
  }
}

const thrown = (errorType: string): JsonObject => ({
  errorType,
  errorMessage: 'As the script says.',
})
