import { createHash } from 'node:crypto'
import { type Content, choicesOf, type Option, type OptionId } from './question.ts'

/** A question as a learner sees it, in the order of their attempt. The key has no place in this type. */
export type Asked = { readonly prompt: string } & (
  | { readonly kind: 'single' | 'multiple' | 'ordering'; readonly options: readonly Option[] }
  | { readonly kind: 'true_false' | 'numeric' | 'short_text' }
  | {
      readonly kind: 'matching'
      readonly prompts: readonly Option[]
      readonly choices: readonly Option[]
    }
  | { readonly kind: 'essay'; readonly lengthMax: number }
)

/** The order in which an attempt shows the options of a question: drawn once, then stored. */
export type Order = {
  readonly options: readonly OptionId[]
  readonly choices: readonly OptionId[]
}

/**
 * The same order for the same seed and label, and every order as likely as any other for who does not know the
 * seed: values are sorted by a hash of seed, label and value.
 */
export const shuffled = <Value extends string>(
  values: readonly Value[],
  seed: string,
  label: string,
): readonly Value[] => {
  const rank = (value: Value) =>
    createHash('sha256').update(`${seed}/${label}/${value}`).digest('hex')
  return values
    .map((value) => ({ value, rank: rank(value) }))
    .sort((one, other) => (one.rank < other.rank ? -1 : 1))
    .map(({ value }) => value)
}

/** What must be sorted or matched is always shuffled, whatever the setting: its stored order is the key. */
export const drawOrder = (
  content: Content,
  { seed, label, shuffles }: { seed: string; label: string; shuffles: boolean },
): Order => {
  const mixed = (options: readonly Option[], part: string) =>
    shuffled(idsOf(options), seed, `${label}/${part}`)
  switch (content.kind) {
    case 'single':
    case 'multiple':
      return {
        options: shuffles ? mixed(content.options, 'options') : idsOf(content.options),
        choices: [],
      }
    case 'ordering':
      return { options: mixed(content.items, 'options'), choices: [] }
    case 'matching': {
      const prompts = content.pairs.map(({ prompt }) => prompt)
      return {
        options: shuffles ? mixed(prompts, 'options') : idsOf(prompts),
        choices: mixed(choicesOf(content), 'choices'),
      }
    }
    default:
      return { options: [], choices: [] }
  }
}

/** Takes from a question what a learner may see of it, field by field. */
export const asked = (content: Content, order: Order): Asked => {
  const { prompt } = content
  switch (content.kind) {
    case 'single':
    case 'multiple':
      return { kind: content.kind, prompt, options: inOrder(content.options, order.options) }
    case 'ordering':
      return { kind: content.kind, prompt, options: inOrder(content.items, order.options) }
    case 'matching':
      return {
        kind: content.kind,
        prompt,
        prompts: inOrder(
          content.pairs.map((pair) => pair.prompt),
          order.options,
        ),
        choices: inOrder(choicesOf(content), order.choices),
      }
    case 'essay':
      return { kind: content.kind, prompt, lengthMax: content.lengthMax }
    default:
      return { kind: content.kind, prompt }
  }
}

const idsOf = (options: readonly Option[]) => options.map(({ optionId }) => optionId)

const inOrder = (options: readonly Option[], order: readonly OptionId[]): readonly Option[] => {
  const byId = new Map(options.map((option) => [option.optionId, option]))
  return order.flatMap((optionId) => {
    const option = byId.get(optionId)
    return option ? [{ optionId, text: option.text }] : []
  })
}
