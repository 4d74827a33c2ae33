import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Definition, Json, State } from '../../../local/step-functions/definition.ts'

/** A state machine that deploys, and what its functions answer when all goes well. */
export type WorkflowMachine = {
  readonly name: string
  readonly definition: Definition
  readonly input: Json
  /** By state; a state without a row answers something that its ResultPath must discard. */
  readonly answers: Readonly<Record<string, Json>>
}

/** Where the file of a workflow's state machine is. */
export const pathOf = (workflow: string): string =>
  fileURLToPath(new URL(`../../../workflows/${workflow}/state-machine.asl.json`, import.meta.url))

const definitionOf = (workflow: string): Definition =>
  JSON.parse(readFileSync(pathOf(workflow), 'utf8'))

const encoding = { ClientRequestToken: 'token', UserMetadata: {}, Settings: { Inputs: [] } }

export const machines: readonly WorkflowMachine[] = [
  {
    name: 'video-processing',
    definition: definitionOf('video-processing'),
    input: { videoId: 'vid_1', version: 1, traceparent: '00-1-2-01' },
    answers: { Probe: encoding, AssessEncoding: { ...encoding, pauseSeconds: 1 } },
  },
  {
    name: 'certificate-issuance',
    definition: definitionOf('certificate-issuance'),
    input: { certificateId: 'crt_1', organizationId: 'org_1', traceparent: '00-1-2-01' },
    answers: { CheckRule: { outcome: 'earned' } },
  },
]

/** The one error that no function throws: its task takes too long. */
export const TIMEOUT = 'States.Timeout'

/** What a wildcard stands for: an error that nobody names. */
const UNFORESEEN = 'Unforeseen'

const ATTEMPTS_DEFAULT = 3

type Catcher = { readonly ErrorEquals: readonly string[]; readonly Next: string }

export const catchersOf = (state: State): readonly Catcher[] =>
  (state.Catch as readonly Catcher[] | undefined) ?? []

const matches = (names: readonly string[], error: string): boolean =>
  names.some(
    (name) =>
      name === 'States.ALL' ||
      name === error ||
      (name === 'States.TaskFailed' && error !== TIMEOUT),
  )

/** Errors that make a difference to a state: those that its Retry and Catch name, one unforeseen, and a timeout. */
export const errorsOf = (state: State): readonly string[] => {
  const named = [...(state.Retry ?? []), ...catchersOf(state)].flatMap((one) => one.ErrorEquals)
  const own = named.filter((name) => !name.startsWith('States.'))
  return [...new Set([...own, UNFORESEEN, TIMEOUT])]
}

/** What the language says of a task that always fails with an error: how often it is tried, and what follows. */
export const fateOf = (state: State, error: string) => {
  const retriers = state.Retry ?? []
  const retrier = retriers.findIndex(({ ErrorEquals }) => matches(ErrorEquals, error))
  const catchers = catchersOf(state)
  const catcher = catchers.findIndex(({ ErrorEquals }) => matches(ErrorEquals, error))
  return {
    attempts: 1 + (retrier < 0 ? 0 : (retriers[retrier]?.MaxAttempts ?? ATTEMPTS_DEFAULT)),
    /** Index of the retrier that has its say; -1 where none has. */
    retrier,
    /** Index of the catcher; -1 where the execution fails. */
    catcher,
    next: catchers[catcher]?.Next,
  }
}
