import { evaluate, type Formula, named, type Operation, valuesOf } from './formula.ts'
import { type MicroUsd, microUsd, sumUsd } from './money.ts'

/** What people compare: the parts of a platform, by the same names in both designs. */
export const COMPONENTS = [
  ...(['functions', 'kubernetes', 'database', 'cache', 'events', 'search', 'storage'] as const),
  ...(['video', 'delivery', 'network', 'backups', 'observability', 'security'] as const),
] as const
export type Component = (typeof COMPONENTS)[number]

/** One line of a month's bill. */
export type Line = {
  /** As `--why` takes it: `lambda.courseHttp.duration`. */
  readonly id: string
  readonly title: string
  readonly component: Component
  /** As AWS bills it; what spend is compared by. */
  readonly service: string
  /** A group of functions (decision 0072), or `shared`. */
  readonly group: string
  readonly cost: Operation
}

/** A line of what all functions share. */
export const sharedLine = (
  component: Component,
  service: string,
  id: string,
  title: string,
  cost: Line['cost'],
): Line => ({ component, service, id, title, group: 'shared', cost: named(title, 'USD', cost) })

export type PricedLine = Line & {
  readonly amount: MicroUsd
  /** Names of the numbers that nobody measured and nothing states. */
  readonly assumptions: readonly string[]
}

export const priceLine = (line: Line): PricedLine => ({
  ...line,
  amount: microUsd(evaluate(line.cost)),
  assumptions: assumptionsOf(line.cost),
})

const assumptionsOf = (formula: Formula): readonly string[] =>
  valuesOf(formula)
    .filter(({ origin }) => origin.kind === 'assumed')
    .map(({ name }) => name)

export const totalOf = (lines: readonly PricedLine[]): MicroUsd =>
  sumUsd(lines.map(({ amount }) => amount))

/** Sums by any name of a line, largest first. */
export const sumBy = (
  lines: readonly PricedLine[],
  key: (line: PricedLine) => string,
): ReadonlyMap<string, MicroUsd> => {
  const sums = new Map<string, MicroUsd>()
  for (const line of lines) sums.set(key(line), (sums.get(key(line)) ?? 0n) + line.amount)
  return new Map([...sums].toSorted(([, one], [, other]) => Number(other - one)))
}
