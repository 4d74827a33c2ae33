import { fileURLToPath } from 'node:url'
import * as z from 'zod'
import {
  beyond,
  type Formula,
  fixed,
  least,
  named,
  type Operation,
  plus,
  times,
  type Value,
  value,
} from '../bill/formula.ts'
import { InputError, readYaml } from './yaml.ts'

export const PRICE_FILE = fileURLToPath(new URL('../data/prices.yaml', import.meta.url))

const priceSchema = z.strictObject({
  item: z.string().regex(/^[a-z0-9][a-zA-Z0-9_.-]*$/),
  region: z.string(),
  usd: z.string().regex(/^\d+(\.\d+)?$/, 'a price is a decimal number in quotes'),
  per: z.number().int().min(1).default(1),
  unit: z.string(),
  upTo: z.number().positive().optional(),
  kind: z.enum(['infracost', 'aws-page', 'aws-list', 'third-party', 'computed', 'recalled']),
  date: z.string().regex(/^\d{4}-\d{2}$/, 'a date is YYYY-MM'),
  note: z.string().optional(),
})

type Place = { readonly item: string; readonly region: string }

/** A bill of any region needs a price of everything that the first has one of. */
const missingIn = (regions: readonly string[], prices: readonly Place[]): readonly Place[] => {
  const itemsOf = (region: string | undefined) =>
    new Set(prices.filter((price) => price.region === region).map(({ item }) => item))
  const items = [...itemsOf(regions[0])]
  return regions.flatMap((region) => {
    const own = itemsOf(region)
    return items.filter((item) => !own.has(item)).map((item) => ({ item, region }))
  })
}

const fileSchema = z
  .strictObject({
    looked: z.iso.date(),
    currency: z.literal('USD'),
    regions: z.array(z.string()).min(1).max(50),
    prices: z.array(priceSchema).min(1).max(2_000),
  })
  .superRefine(({ prices, regions }, context) => {
    for (const { item, region } of missingIn(regions, prices))
      context.addIssue({
        code: 'custom',
        path: ['regions', regions.indexOf(region)],
        message: `${region} has no price of ${item}`,
      })
    const seen = new Set<string>()
    for (const [index, { item, region, upTo }] of prices.entries()) {
      const key = `${item} ${region}`
      const before = prices[index - 1]
      const continues = `${before?.item} ${before?.region}` === key && before?.upTo !== undefined
      if (seen.has(key) && !continues)
        context.addIssue({
          code: 'custom',
          path: ['prices', index],
          message: `${item} in ${region} has a price already`,
        })
      const ends = `${prices[index + 1]?.item} ${prices[index + 1]?.region}` !== key
      if (upTo !== undefined && ends)
        context.addIssue({
          code: 'custom',
          path: ['prices', index],
          message: `${item} in ${region} has no price beyond ${upTo}`,
        })
      seen.add(key)
    }
  })

export type Price = z.output<typeof priceSchema>

/** Unit prices of one region, as numbers of a formula. */
export type Prices = {
  readonly looked: string
  readonly region: string
  /** For an item of one price. @throws InputError if the region has none. */
  readonly of: (item: string, region?: string) => Value
  /** What a quantity costs, over all tiers of the item. */
  readonly costOf: (item: string, quantity: Formula, region?: string) => Operation
  readonly rows: readonly Price[]
}

/** @throws InputError for a region that the table does not name, or a table with gaps. */
export const readPrices = async (region: string, path = PRICE_FILE): Promise<Prices> => {
  const file = await readYaml(path, fileSchema)
  if (!file.regions.includes(region))
    throw new InputError(`There are no prices for ${region}; there are ${file.regions.join(', ')}.`)
  return pricesOf(file.prices, file.looked, region)
}

const pricesOf = (rows: readonly Price[], looked: string, home: string): Prices => {
  const tiers = (item: string, region = home): readonly Price[] => {
    const found = [region, 'global']
      .map((place) => rows.filter((row) => row.item === item && row.region === place))
      .find(({ length }) => length > 0)
    if (found) return found
    const known = [...new Set(rows.filter((row) => row.item === item).map((row) => row.region))]
    throw new InputError(
      `The price table has no ${item} in ${region}${known.length > 0 ? `, only in ${known.join(', ')}` : ''}.`,
    )
  }
  const of = (item: string, region?: string): Value => {
    const [only, second] = tiers(item, region)
    if (!only || second) throw new InputError(`${item} has tiers; a quantity has to be given.`)
    return unitPrice(only)
  }
  const costOf = (item: string, quantity: Formula, region?: string): Operation => {
    const found = tiers(item, region)
    const [first, second] = found
    if (first && !second) return times(quantity, unitPrice(first))
    return plus(
      ...found.map((tier, index) => {
        const from = fixed(`start of tier ${index + 1}`, found[index - 1]?.upTo ?? 0, tier.unit)
        const upTo =
          tier.upTo === undefined
            ? quantity
            : least(quantity, fixed(`end of tier ${index + 1}`, tier.upTo, tier.unit))
        return named(`tier ${index + 1}`, 'USD', times(beyond(upTo, from), unitPrice(tier)))
      }),
    )
  }
  return { looked, region: home, of, costOf, rows }
}

const unitPrice = ({ item, region, usd, per, unit, upTo, kind, date, note }: Price): Value => {
  const tier = upTo === undefined ? '' : ` up to ${upTo}`
  return value(`price of ${item}${tier}`, perUnit(usd, per), `USD per ${unit}`, {
    kind: 'price',
    isRecalled: kind === 'recalled',
    text: `${region}, ${kind}, ${date}${note === undefined ? '' : `; ${note}`}`,
  })
}

/** `per` is a power of ten in every row, so the quotient is exact. */
const perUnit = (usd: string, per: number): string => {
  const shift = String(per).length - 1
  if (10 ** shift !== per) throw new InputError(`A price is per a power of ten, not per ${per}.`)
  return `${usd}e-${shift}`
}
