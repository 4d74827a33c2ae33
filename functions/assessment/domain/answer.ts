import { answerInvalid } from '../errors.ts'
import {
  type ChoiceContent,
  type Content,
  type ContentOf,
  choicesOf,
  type OptionId,
  type QuestionId,
} from './question.ts'
import { normalise } from './text.ts'

type Pair = { readonly promptId: OptionId; readonly choiceId: OptionId }

export type Answer =
  | { readonly kind: 'single'; readonly optionId: OptionId }
  | { readonly kind: 'multiple' | 'ordering'; readonly optionIds: readonly OptionId[] }
  | { readonly kind: 'true_false'; readonly isTrue: boolean }
  | { readonly kind: 'numeric'; readonly value: string }
  | { readonly kind: 'short_text' | 'essay'; readonly text: string }
  | { readonly kind: 'matching'; readonly pairs: readonly Pair[] }

/** The right answer; numbers with how far off is still right. */
export type Key =
  | Exclude<Answer, { readonly kind: 'numeric' | 'short_text' | 'essay' }>
  | { readonly kind: 'numeric'; readonly value: string; readonly tolerance: string }
  | { readonly kind: 'short_text'; readonly acceptedTexts: readonly string[] }

/** Part of a question's points, as an exact fraction: nothing is rounded before the whole attempt is summed. */
export type Credit = { readonly earned: number; readonly of: number }

const NONE: Credit = { earned: 0, of: 1 }
const wholeIf = (isRight: boolean): Credit => (isRight ? { earned: 1, of: 1 } : NONE)

/** @throws `assessment.answer_invalid` for what nobody could have been asked. */
export const refuseInvalidAnswer = (
  questionId: QuestionId,
  content: Content,
  answer: Answer,
): void => {
  const refuse = (reason: string) => answerInvalid(questionId, reason)
  if (answer.kind !== content.kind) throw refuse(`This question wants a ${content.kind} answer.`)
  const optionIds = optionIdsOf(content)
  if (answer.kind === 'single') refuseStrange([answer.optionId], optionIds, refuse)
  if (answer.kind === 'multiple' || answer.kind === 'ordering')
    refuseStrange(answer.optionIds, optionIds, refuse)
  if (answer.kind === 'ordering' && answer.optionIds.length !== optionIds.length)
    throw refuse('Put every option in its place.')
  if (answer.kind === 'matching') refuseInvalidPairs(content, answer.pairs, refuse)
  if (answer.kind === 'essay' && content.kind === 'essay' && answer.text.length > content.lengthMax)
    throw refuse(`The text has ${content.lengthMax} characters at most.`)
}

/**
 * The credit of an answer, in [0, 1]; null when a person must give it.
 *
 * - single, true_false, numeric, short_text: all or nothing.
 * - multiple: (right ones chosen - wrong ones chosen) of the right ones, not below 0.
 * - ordering: of the n - 1 pairs of neighbours of the right order, those that are neighbours in the answer.
 * - matching: the prompts with their own choice, of all prompts.
 * - essay: by hand. Whatever is not answered earns nothing, essays too.
 */
export const gradeAnswer = (content: Content, answer: Answer | null): Credit | null => {
  if (answer === null || answer.kind !== content.kind) return NONE
  switch (content.kind) {
    case 'single':
      return wholeIf(answer.kind === 'single' && isCorrect(content, answer.optionId))
    case 'multiple':
      return answer.kind === 'multiple' ? gradeMultiple(content, answer.optionIds) : NONE
    case 'true_false':
      return wholeIf(answer.kind === 'true_false' && answer.isTrue === content.isTrue)
    case 'numeric':
      return wholeIf(answer.kind === 'numeric' && isWithin(answer.value, content))
    case 'short_text':
      return wholeIf(answer.kind === 'short_text' && isAccepted(answer.text, content))
    case 'ordering':
      return answer.kind === 'ordering' ? gradeOrdering(content, answer.optionIds) : NONE
    case 'matching':
      return answer.kind === 'matching' ? gradeMatching(content, answer.pairs) : NONE
    case 'essay':
      return answer.kind === 'essay' && answer.text.trim() === '' ? NONE : null
  }
}

/** Null for essays: there is no one right text. */
export const keyOf = (content: Content): Key | null => {
  switch (content.kind) {
    case 'single': {
      const [optionId] = correctIds(content)
      return optionId ? { kind: 'single', optionId } : null
    }
    case 'multiple':
      return { kind: 'multiple', optionIds: correctIds(content) }
    case 'true_false':
      return { kind: 'true_false', isTrue: content.isTrue }
    case 'numeric':
      return { kind: 'numeric', value: content.value, tolerance: content.tolerance }
    case 'short_text':
      return { kind: 'short_text', acceptedTexts: content.acceptedTexts }
    case 'ordering':
      return { kind: 'ordering', optionIds: content.items.map(({ optionId }) => optionId) }
    case 'matching':
      return {
        kind: 'matching',
        pairs: content.pairs.map(({ prompt, choice }) => ({
          promptId: prompt.optionId,
          choiceId: choice.optionId,
        })),
      }
    case 'essay':
      return null
  }
}

const gradeMultiple = (content: ChoiceContent, chosen: readonly OptionId[]): Credit => {
  const right = chosen.filter((optionId) => isCorrect(content, optionId)).length
  const wrong = chosen.length - right
  return { earned: Math.max(0, right - wrong), of: correctIds(content).length }
}

const gradeOrdering = ({ items }: ContentOf<'ordering'>, given: readonly OptionId[]): Credit => {
  const placeOf = new Map(given.map((optionId, place) => [optionId, place]))
  const kept = items.slice(1).filter(({ optionId }, index) => {
    const before = items[index]
    const place = placeOf.get(optionId)
    return before && place !== undefined && placeOf.get(before.optionId) === place - 1
  })
  return { earned: kept.length, of: items.length - 1 }
}

const gradeMatching = ({ pairs }: ContentOf<'matching'>, given: readonly Pair[]): Credit => {
  const choiceOf = new Map(given.map(({ promptId, choiceId }) => [promptId, choiceId]))
  const right = pairs.filter(
    ({ prompt, choice }) => choiceOf.get(prompt.optionId) === choice.optionId,
  )
  return { earned: right.length, of: pairs.length }
}

const isCorrect = ({ options }: ChoiceContent, optionId: OptionId): boolean =>
  options.some((option) => option.isCorrect && option.optionId === optionId)

const correctIds = ({ options }: ChoiceContent): OptionId[] =>
  options.filter((option) => option.isCorrect).map(({ optionId }) => optionId)

const isAccepted = (text: string, { acceptedTexts }: ContentOf<'short_text'>): boolean =>
  acceptedTexts.some((accepted) => normalise(accepted) === normalise(text))

const DECIMAL_PLACES_MAX = 9

/** A decimal as a whole number of billionths: exact, where floating point would not be. */
const toBillionths = (decimal: string): bigint => {
  const [whole = '0', fraction = ''] = decimal.replace('-', '').split('.')
  const size = BigInt(whole + fraction.padEnd(DECIMAL_PLACES_MAX, '0'))
  return decimal.startsWith('-') ? -size : size
}

const isWithin = (given: string, { value, tolerance }: ContentOf<'numeric'>): boolean => {
  const off = toBillionths(given) - toBillionths(value)
  return (off < 0n ? -off : off) <= toBillionths(tolerance)
}

const optionIdsOf = (content: Content): readonly OptionId[] => {
  switch (content.kind) {
    case 'single':
    case 'multiple':
      return content.options.map(({ optionId }) => optionId)
    case 'ordering':
      return content.items.map(({ optionId }) => optionId)
    default:
      return []
  }
}

type Refusal = (reason: string) => Error

const refuseStrange = (
  given: readonly OptionId[],
  known: readonly OptionId[],
  refuse: Refusal,
): void => {
  if (given.some((optionId) => !known.includes(optionId)))
    throw refuse('An option is not one of this question.')
  if (new Set(given).size !== given.length) throw refuse('An option is named twice.')
}

const refuseInvalidPairs = (content: Content, pairs: readonly Pair[], refuse: Refusal): void => {
  if (content.kind !== 'matching') return
  const promptIds = content.pairs.map(({ prompt }) => prompt.optionId)
  const choiceIds = choicesOf(content).map(({ optionId }) => optionId)
  refuseStrange(
    pairs.map(({ promptId }) => promptId),
    promptIds,
    refuse,
  )
  // A choice may be given to several prompts: only one of them can be right.
  refuseStrange([...new Set(pairs.map(({ choiceId }) => choiceId))], choiceIds, refuse)
}
