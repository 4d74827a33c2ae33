import type { Big } from 'big.js'
import { evaluate, type Formula, type Operation, type Value } from './formula.ts'

const SIGNS = { times: ' × ', plus: ' + ', minus: ' − ', over: ' ÷ ' } as const
const CALLS = { largest: 'the larger of', least: 'the smaller of', whole: 'rounded up' } as const

/** How far named parts are taken apart; what lies deeper is shown as a number. */
const LEVELS_MAX = 3

/**
 * A formula in words, in numbers, and each of its numbers with where it comes from.
 *
 * @returns lines of text; a named part has its own lines below the whole.
 */
export const explain = (formula: Formula): readonly string[] => {
  const { opened, leaves } = takeApart(formula)
  return [
    ...opened.flatMap((part) => [
      `${part.name} = ${written(part, ({ name }) => name)}`,
      `  = ${written(part, (inner) => number(evaluate(inner)))}`,
      `  = ${number(evaluate(part))} ${part.unit ?? ''}`.trimEnd(),
    ]),
    'where',
    ...leaves.map(
      (leaf) => `  ${leaf.name}: ${number(evaluate(leaf))} ${leaf.unit ?? ''} (${originOf(leaf)})`,
    ),
  ]
}

const originOf = (leaf: Leaf): string =>
  leaf.op === 'value' ? `${leaf.origin.kind}: ${leaf.origin.text}` : 'computed in the same way'

/** The named parts near the top, the whole first, and the numbers that they are made of; each once. */
const takeApart = (formula: Formula): { opened: readonly Named[]; leaves: readonly Leaf[] } => {
  const opened = new Map<string, Named>()
  const leaves = new Map<string, Leaf>()
  const visit = (part: Formula, level: number): void => {
    if (part.op === 'value') leaves.set(`${part.name} ${part.value}`, part)
    else if (part.name !== undefined && level >= LEVELS_MAX) leaves.set(part.name, part as Named)
    else {
      if (part.name !== undefined) opened.set(part.name, part as Named)
      const below = part.name === undefined ? level : level + 1
      for (const inner of part.parts) visit(inner, below)
    }
  }
  visit(formula, 0)
  return {
    opened: [...opened.values()],
    leaves: [...leaves.values()].filter((leaf) => leaf.op === 'value' || !opened.has(leaf.name)),
  }
}

type Named = Operation & { readonly name: string }
type Leaf = Value | Named

const isNamed = (formula: Formula): formula is Leaf =>
  formula.op === 'value' || formula.name !== undefined

const written = (whole: Operation, leaf: (part: Leaf) => string): string => {
  const part = (inner: Formula): string => {
    if (isNamed(inner)) return leaf(inner)
    const text = operation(inner)
    return inner.op in SIGNS && inner.parts.length > 1 ? `(${text})` : text
  }
  const operation = ({ op, parts }: Operation): string => {
    const texts = parts.map(part)
    return op in SIGNS
      ? texts.join(SIGNS[op as keyof typeof SIGNS])
      : `${CALLS[op as keyof typeof CALLS]} (${texts.join(', ')})`
  }
  return operation(whole)
}

const DIGITS = 6

/** With separators and no more than six significant digits after the leading zeros. */
export const number = (value: Big): string => {
  const whole = value.abs().gte(1_000)
  const text = whole ? value.round(2).toFixed() : value.round(fraction(value)).toFixed()
  const [integer = '0', decimals] = text.split('.')
  const grouped = integer.replace(/\B(?=(\d{3})+(?!\d))/g, ',')
  return decimals === undefined ? grouped : `${grouped}.${decimals}`
}

const fraction = (value: Big): number => (value.eq(0) ? 0 : Math.max(0, DIGITS - 1 - value.e))
