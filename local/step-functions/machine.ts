import { StateMachine, type StateMachineDefinition } from 'aws-local-stepfunctions'
import { adapt, unsupported } from './adapt.ts'
import type { Definition, Placed } from './definition.ts'
import { placedStates } from './definition.ts'

/** A state machine as it is deployed. */
export type StateMachineInput = {
  readonly name: string
  readonly arn: string
  /** Amazon States Language, resources already substituted. */
  readonly definition: Readonly<Record<string, unknown>>
}

/** A machine that was found playable. */
export type Machine = {
  readonly name: string
  readonly arn: string
  readonly definition: Definition
  readonly adapted: StateMachine
  readonly states: ReadonlyMap<string, Placed>
}

/** @throws with every reason why a definition is invalid or cannot be played here. */
export function loadMachine({ name, arn, ...input }: StateMachineInput): Machine {
  // The validator below is what proves the shape.
  const definition = input.definition as unknown as Definition
  // The constructor validates; the definition is the deployed one, the types are the interpreter's.
  new StateMachine(definition as unknown as StateMachineDefinition)
  const refused = unsupported(definition)
  if (refused.length > 0) {
    throw new Error(`State machine ${name} cannot be played locally: ${refused.join('; ')}`)
  }
  const adapted = new StateMachine(adapt(definition) as unknown as StateMachineDefinition, {
    validationOptions: { noValidate: true },
  })
  const states = new Map(placedStates(definition).map((placed) => [placed.name, placed]))
  return { name, arn, definition, adapted, states }
}
