import { fileURLToPath } from 'node:url'
import { Big } from 'big.js'
import * as z from 'zod'
import {
  beyond,
  evaluate,
  fixed,
  minus,
  named,
  type Operation,
  over,
  plus,
  times,
  type Value,
  value,
} from '../bill/formula.ts'
import { COMPONENTS, type Line } from '../bill/line.ts'
import { type MicroUsd, microUsd, sumUsd } from '../bill/money.ts'
import type { Prices } from '../inputs/prices.ts'
import { load, peakRate, type Scenario } from '../inputs/scenario.ts'
import { InputError, readYaml } from '../inputs/yaml.ts'
import { MONTH_HOURS } from './month.ts'

const FILE = fileURLToPath(new URL('../data/baseline.yaml', import.meta.url))

const amount = z.number().int().min(0)
const listSchema = z.strictObject({
  item: z.string(),
  units: z.number().positive(),
  hourly: z.boolean().default(false),
})
const keepSchema = z.strictObject({
  lines: z.array(z.string()).min(1),
  item: z.string().optional(),
  share: z.string().optional(),
})

const schema = z.strictObject({
  title: z.string(),
  totals: z.strictObject({ baseline: amount, peak: amount }),
  lines: z
    .array(
      z.strictObject({
        id: z.string(),
        title: z.string(),
        component: z.enum(COMPONENTS),
        service: z.string(),
        usd: amount,
        peakUsd: amount.optional(),
        follows: z.enum(['videoHoursStored', 'videoHoursWatched']).optional(),
        list: z.array(listSchema).default([]),
        implied: z
          .strictObject({
            item: z.string(),
            hourly: z.boolean().default(false),
            tierUsd: z.string().optional(),
          })
          .optional(),
      }),
    )
    .min(1),
  missing: z.array(z.strictObject({ title: z.string(), list: z.array(listSchema).min(1) })),
  optimised: z.strictObject({
    stated: z.strictObject({ low: amount, high: amount }),
    steps: z.array(z.strictObject({ title: z.string(), keeps: z.array(keepSchema).min(1) })),
  }),
})

export type Baseline = z.output<typeof schema>
type BaselineLine = Baseline['lines'][number]

/**
 * The baseline's own table.
 *
 * @throws InputError if its lines do not add up to its totals: nothing may be compared with such a table.
 */
export const readBaseline = async (path = FILE): Promise<Baseline> => {
  const baseline = await readYaml(path, schema)
  for (const load of ['baseline', 'peak'] as const) {
    const sum = baseline.lines.map((line) => statedUsd(line, load)).reduce((a, b) => a + b, 0)
    const stated = baseline.totals[load]
    if (sum !== stated)
      throw new InputError(`${path}: the lines of ${load} are $${sum}, the total says $${stated}.`)
  }
  return baseline
}

const statedUsd = ({ usd, peakUsd = usd }: BaselineLine, load: 'baseline' | 'peak') =>
  load === 'peak' ? peakUsd : usd

const stated = (name: string, usd: number): Value =>
  value(name, usd, 'USD', { kind: 'baseline', text: 'data/baseline.yaml' })

/** The two loads that the baseline states amounts for. */
export type BaselineLoads = { readonly baseline: Scenario; readonly peak: Scenario }

/**
 * The baseline's bill of a scenario. At its own two loads it is its own table; elsewhere the nodes lie on the line
 * through both (never below the ordinary load: 37 services have to run), and what has a volume follows it.
 */
export const baselineLines = (
  baseline: Baseline,
  loads: BaselineLoads,
  scenario: Scenario,
): readonly Line[] =>
  baseline.lines.map((line) => ({
    id: `baseline.${line.id}`,
    title: line.title,
    component: line.component,
    service: line.service,
    group: 'shared',
    cost: named(line.title, 'USD', amountOf(line, loads, scenario)),
  }))

const amountOf = (
  { usd, peakUsd, follows }: BaselineLine,
  loads: BaselineLoads,
  scenario: Scenario,
): Operation => {
  const ordinary = stated('stated for the ordinary load', usd)
  if (follows) return times(ordinary, over(load(scenario, follows), load(loads.baseline, follows)))
  if (peakUsd === undefined) return plus(ordinary)
  const growth = minus(stated('stated for the peak', peakUsd), ordinary)
  return plus(ordinary, times(growth, peakShare(loads, scenario)))
}

/** 0 up to the ordinary load, 1 at the peak, and on from there. */
const peakShare = (loads: BaselineLoads, scenario: Scenario): Operation => {
  const ordinary = peakRate(loads.baseline)
  return named(
    'share of the peak',
    '',
    over(beyond(peakRate(scenario), ordinary), minus(peakRate(loads.peak), ordinary)),
  )
}

export type ListComparison = {
  readonly id: string
  readonly title: string
  readonly stated: MicroUsd
  /** What the named sizes cost by the price table. */
  readonly list: MicroUsd | undefined
  /** Stated less list, where the sizes are all named. */
  readonly difference: MicroUsd | undefined
  /** Where a size is not named: what the amount buys at list price. */
  readonly implied: string | undefined
}

/** Each line beside the price table. */
export const compareWithList = (baseline: Baseline, prices: Prices): readonly ListComparison[] =>
  baseline.lines.map((line) => {
    const { id, title, usd, list, implied } = line
    const listed = list.length === 0 ? undefined : microUsd(evaluate(listCost(list, prices)))
    const amount = microUsd(usd)
    return {
      id,
      title,
      stated: amount,
      list: listed,
      difference: implied || listed === undefined ? undefined : amount - listed,
      implied: implied && impliedText(line, prices),
    }
  })

const listCost = (list: Baseline['missing'][number]['list'], prices: Prices): Operation =>
  plus(
    ...list.map(({ item, units, hourly }) =>
      times(
        fixed(`units of ${item}`, units, 'units'),
        ...(hourly ? [MONTH_HOURS] : []),
        prices.of(item),
      ),
    ),
  )

const impliedText = ({ usd, list, implied }: BaselineLine, prices: Prices): string => {
  if (!implied) return ''
  const price = implied.tierUsd
    ? fixed('first tier', implied.tierUsd, 'USD per GB')
    : prices.of(implied.item)
  const rest = minus(fixed('stated', usd, 'USD'), plus(listCost(list, prices)))
  const unit = implied.hourly ? times(price, MONTH_HOURS) : price
  const units = evaluate(over(rest, unit)).round(1, Big.roundHalfUp)
  return `as much as ${units.toFixed()} ${implied.hourly ? 'x' : 'units of'} ${implied.item}`
}

/** What the platform needs and the baseline does not name, at list price. */
export const missingFromBaseline = (baseline: Baseline, prices: Prices) =>
  baseline.missing.map(({ title, list }) => ({
    title,
    list: microUsd(evaluate(listCost(list, prices))),
  }))

/** The baseline's total after each of its optimising steps, for the ordinary load. */
export const optimisedBaseline = (baseline: Baseline, prices: Prices) => {
  let amounts = new Map(baseline.lines.map(({ id, usd }) => [id, new Big(usd)]))
  return baseline.optimised.steps.map(({ title, keeps }) => {
    const after = new Map(amounts)
    for (const { lines, item, share } of keeps) {
      const left = item === undefined ? new Big(share ?? 1) : evaluate(prices.of(item))
      for (const id of lines) {
        const before = after.get(id)
        if (!before)
          throw new InputError(`data/baseline.yaml: ${title} names ${id}, which is no line.`)
        after.set(id, before.times(left))
      }
    }
    amounts = after
    return { title, total: sumUsd([...after.values()].map((each) => microUsd(each))) }
  })
}
