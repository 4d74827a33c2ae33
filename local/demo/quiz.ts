import type * as z from 'zod'
import type { assessmentContract } from '../../shared/contracts/assessment.ts'

type Attempt = z.output<typeof assessmentContract.operations.startAttempt.answer>
type Item = Attempt['items'][number]

/** The answers that the demo's own quiz wants, found by what the learner sees of each question. */
export const rightAnswers = (attempt: Attempt) =>
  attempt.items.map((item) => ({ questionId: item.questionId, answer: answerTo(item) }))

const answerTo = ({ asked }: Item) => {
  switch (asked.kind) {
    case 'single': {
      const option = asked.options.find(({ text }) => text === 'The match cut')
      if (!option) throw new Error('The right option is not among those that were asked.')
      return { kind: 'single' as const, optionId: option.optionId }
    }
    case 'true_false':
      return { kind: 'true_false' as const, isTrue: true }
    case 'numeric':
      return { kind: 'numeric' as const, value: '24' }
    case 'short_text':
      return { kind: 'short_text' as const, text: '  The CUT ' }
    default:
      throw new Error(`The demo has no question of the kind ${asked.kind}.`)
  }
}
