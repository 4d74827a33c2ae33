import { Big } from 'big.js'

/** Where a number comes from, so that `--why` can say so. */
export type Origin = {
  readonly kind:
    | 'price'
    | 'scenario'
    | 'template'
    | 'terraform'
    | 'workflow'
    | 'measured'
    | 'assumed'
    | 'baseline'
    | 'fixed'
  /** A file, a path within it, or the reason. */
  readonly text: string
  /** A price that nobody looked up. */
  readonly isRecalled?: boolean
}

export type Value = {
  readonly op: 'value'
  readonly name: string
  readonly value: Big
  readonly unit: string
  readonly origin: Origin
}

export type Operation = {
  readonly op: 'times' | 'plus' | 'minus' | 'over' | 'largest' | 'least' | 'whole'
  readonly parts: readonly Formula[]
  /** A named part is explained on a line of its own. */
  readonly name?: string
  readonly unit?: string
}

/**
 * A quantity or an amount as a tree of named numbers. The very same tree computes and explains, so that an explanation
 * cannot differ from the bill. All arithmetic is decimal.
 */
export type Formula = Value | Operation

type Number_ = number | string | Big

export const value = (name: string, number: Number_, unit: string, origin: Origin): Value => ({
  op: 'value',
  name,
  value: new Big(number),
  unit,
  origin,
})

/** A constant of nature or of the calendar. */
export const fixed = (name: string, number: Number_, unit: string, text = 'by definition') =>
  value(name, number, unit, { kind: 'fixed', text })

export const times = (...parts: readonly Formula[]): Operation => ({ op: 'times', parts })
export const plus = (...parts: readonly Formula[]): Operation => ({ op: 'plus', parts })
export const minus = (from: Formula, what: Formula): Operation => ({
  op: 'minus',
  parts: [from, what],
})
export const over = (what: Formula, by: Formula): Operation => ({ op: 'over', parts: [what, by] })
export const largest = (...parts: readonly Formula[]): Operation => ({ op: 'largest', parts })
export const least = (...parts: readonly Formula[]): Operation => ({ op: 'least', parts })
/** Rounded up: half a machine cannot be rented. */
export const whole = (part: Formula): Operation => ({ op: 'whole', parts: [part] })

export const named = (name: string, unit: string, formula: Operation): Operation => ({
  ...formula,
  name,
  unit,
})

const NOTHING = fixed('nothing', 0, '')

/** What goes beyond a free or included part; never below nothing. */
export const beyond = (what: Formula, included: Formula): Operation =>
  largest(minus(what, included), NOTHING)

// Parts are shared by many lines; a formula never changes, so each is computed once.
const evaluated = new WeakMap<Operation, Big>()
const found = new WeakMap<Operation, readonly Value[]>()

/** The formula's value, exact but for divisions (20 digits). */
export const evaluate = (formula: Formula): Big => {
  if (formula.op === 'value') return formula.value
  const result = evaluated.get(formula) ?? compute(formula)
  evaluated.set(formula, result)
  return result
}

const compute = (formula: Operation): Big => {
  const parts = formula.parts.map(evaluate)
  const [first = new Big(0), ...rest] = parts
  switch (formula.op) {
    case 'times':
      return rest.reduce((product, part) => product.times(part), first)
    case 'plus':
      return rest.reduce((sum, part) => sum.plus(part), first)
    case 'minus':
      return rest.reduce((difference, part) => difference.minus(part), first)
    case 'over':
      return rest.reduce((quotient, part) => quotient.div(part), first)
    case 'largest':
      return rest.reduce((most, part) => (part.gt(most) ? part : most), first)
    case 'least':
      return rest.reduce((least, part) => (part.lt(least) ? part : least), first)
    case 'whole':
      return first.round(0, Big.roundUp)
  }
}

/** Every number that the formula rests on, each once. */
export const valuesOf = (formula: Formula): readonly Value[] => {
  if (formula.op === 'value') return [formula]
  const known = found.get(formula)
  if (known) return known
  const all = formula.parts.flatMap(valuesOf)
  const values = [...new Map(all.map((one) => [`${one.name} ${one.value}`, one])).values()]
  found.set(formula, values)
  return values
}
