import { QUESTION_BYTES_MAX } from '../../../shared/contracts/assessment.ts'
import type { CourseId, Id, OrganizationId } from '../../../shared/kernel/id.ts'
import type { Instant } from '../../../shared/kernel/time.ts'
import { questionArchived, questionInvalid, revisionStale } from '../errors.ts'
import { normalise } from './text.ts'

export type QuestionId = Id<'question'>
export type OptionId = Id<'option'>

export type Option = { readonly optionId: OptionId; readonly text: string }
export type ChoiceOption = Option & { readonly isCorrect: boolean; readonly feedback: string }

type Common = { readonly prompt: string; readonly explanation: string }

/** A question with its key. Nothing of this type may reach a learner: see `asked`. */
export type Content = Common &
  (
    | { readonly kind: 'single' | 'multiple'; readonly options: readonly ChoiceOption[] }
    | { readonly kind: 'true_false'; readonly isTrue: boolean }
    | { readonly kind: 'numeric'; readonly value: string; readonly tolerance: string }
    | { readonly kind: 'short_text'; readonly acceptedTexts: readonly string[] }
    /** In the right order. */
    | { readonly kind: 'ordering'; readonly items: readonly Option[] }
    | {
        readonly kind: 'matching'
        readonly pairs: readonly { readonly prompt: Option; readonly choice: Option }[]
        readonly distractors: readonly Option[]
      }
    | { readonly kind: 'essay'; readonly guidance: string; readonly lengthMax: number }
  )

export type ContentOf<Kind extends Content['kind']> = Extract<Content, { readonly kind: Kind }>
export type ChoiceContent = ContentOf<'single' | 'multiple'>

export type Question = {
  readonly questionId: QuestionId
  readonly courseId: CourseId
  readonly organizationId: OrganizationId
  /** Grows with every change; each version is kept. */
  readonly version: number
  readonly content: Content
  readonly createdAt: Instant
  readonly archivedAt: Instant | null
}

export const newQuestion = (
  question: Omit<Question, 'version' | 'createdAt' | 'archivedAt'>,
  now: Instant,
): Question => {
  refuseInvalid(question.content)
  return { ...question, version: 1, createdAt: now, archivedAt: null }
}

/** The next version; what was written before stays for the attempts that began with it. */
export const nextVersion = (
  question: Question,
  command: { readonly content: Content; readonly expectedVersion: number },
): Question => {
  if (question.archivedAt !== null) throw questionArchived()
  if (question.version !== command.expectedVersion) throw revisionStale(question.version)
  refuseInvalid(command.content)
  return { ...question, content: command.content, version: question.version + 1 }
}

/** Every option, item, prompt and choice that a question holds. */
export const optionsOf = (content: Content): readonly Option[] => {
  switch (content.kind) {
    case 'single':
    case 'multiple':
      return content.options
    case 'ordering':
      return content.items
    case 'matching':
      return [...content.pairs.map(({ prompt }) => prompt), ...choicesOf(content)]
    default:
      return []
  }
}

export const choicesOf = ({ pairs, distractors }: ContentOf<'matching'>): readonly Option[] => [
  ...pairs.map(({ choice }) => choice),
  ...distractors,
]

const refuseInvalid = (content: Content): void => {
  if (Buffer.byteLength(JSON.stringify(content)) > QUESTION_BYTES_MAX)
    throw questionInvalid(`A question has ${QUESTION_BYTES_MAX} bytes at most.`)
  const ids = optionsOf(content).map(({ optionId }) => optionId)
  if (new Set(ids).size !== ids.length) throw questionInvalid('Two options have one id.')
  if (content.kind === 'single' || content.kind === 'multiple') refuseInvalidChoices(content)
  if (content.kind === 'numeric' && content.tolerance.startsWith('-'))
    throw questionInvalid('A tolerance is not negative.')
  if (content.kind === 'ordering') refuseEqual(content.items)
  if (content.kind === 'matching') {
    refuseEqual(content.pairs.map(({ prompt }) => prompt))
    refuseEqual(choicesOf(content))
  }
}

const refuseInvalidChoices = ({ kind, options }: ChoiceContent): void => {
  refuseEqual(options)
  const correctCount = options.filter(({ isCorrect }) => isCorrect).length
  if (correctCount === 0) throw questionInvalid('No option is correct.')
  if (kind === 'single' && correctCount > 1)
    throw questionInvalid('A single choice has one correct option.')
}

// Two that read alike cannot be told apart: one of them would be wrong for no reason that a learner sees.
const refuseEqual = (options: readonly Option[]): void => {
  const texts = new Set(options.map(({ text }) => normalise(text)))
  if (texts.size !== options.length) throw questionInvalid('Two options read alike.')
}
