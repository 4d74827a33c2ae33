import { Big } from 'big.js'
import { DAY_MS } from '../../../shared/kernel/time.ts'
import { InputError } from '../inputs/yaml.ts'

/** What a row is about; only usage and commitments are compared with a plan. */
export type ChargeKind = 'usage' | 'commitment' | 'credit' | 'refund' | 'tax' | 'other'

/** One row of an export, whichever its format. */
export type Charge = {
  /** `YYYY-MM-DD`, the day that the charge begins. */
  readonly day: string
  /** `YYYY-MM`, of the invoice. */
  readonly month: string
  readonly usd: Big
  readonly kind: ChargeKind
  readonly product: string
  readonly usageType: string
  /** By their names in small letters. */
  readonly tags: Readonly<Record<string, string>>
}

export type Row = Readonly<Record<string, string>>
export type Format = {
  readonly name: string
  readonly parse: (row: Row, where: string) => Charge
}

const TAG_COLUMN = /^resourceTags\/(?:user:)?(.+)$/

const FOCUS_COLUMNS = [
  ...['BilledCost', 'BillingCurrency', 'BillingPeriodStart', 'ChargeCategory'],
  ...['ChargePeriodStart', 'ServiceName'],
]
const LEGACY_COLUMNS = [
  ...['lineItem/UnblendedCost', 'lineItem/CurrencyCode', 'bill/BillingPeriodStartDate'],
  ...['lineItem/LineItemType', 'lineItem/UsageStartDate', 'lineItem/ProductCode'],
]
const CUR2_COLUMNS = [
  ...['line_item_unblended_cost', 'line_item_currency_code', 'bill_billing_period_start_date'],
  ...['line_item_line_item_type', 'line_item_usage_start_date', 'line_item_product_code'],
]

const MORE_COLUMNS = [
  ...['ChargeClass', 'ChargePeriodEnd', 'SkuMeter', 'Tags', 'x_ServiceCode', 'x_UsageType'],
  ...['lineItem/UsageType', 'line_item_usage_type', 'resource_tags'],
]
const COLUMNS = new Set([...FOCUS_COLUMNS, ...LEGACY_COLUMNS, ...CUR2_COLUMNS, ...MORE_COLUMNS])

/** Reports have a hundred columns and more; what is not read is not kept. */
export const isRead = (column: string): boolean => COLUMNS.has(column) || TAG_COLUMN.test(column)

/** Tells the format by the columns. @throws InputError naming what is missing of the nearest format. */
export const formatOf = (columns: readonly string[], path: string): Format => {
  const candidates = [
    { format: focus, needed: FOCUS_COLUMNS },
    { format: legacy, needed: LEGACY_COLUMNS },
    { format: cur2, needed: CUR2_COLUMNS },
  ].map((each) => ({ ...each, missing: each.needed.filter((name) => !columns.includes(name)) }))
  const found = candidates.find(({ missing }) => missing.length === 0)
  if (found) return found.format
  const [nearest] = candidates.toSorted((one, other) => one.missing.length - other.missing.length)
  const isNear = nearest && nearest.missing.length < nearest.needed.length
  throw new InputError(
    isNear
      ? `${path}:1: this looks like ${nearest.format.name}, but has no column ${nearest.missing.join(', ')}.`
      : `${path}:1: this is neither a FOCUS 1.x nor a Cost and Usage Report export: its columns are ${columns.slice(0, 4).join(', ')}.`,
  )
}

const FOCUS_KINDS: Readonly<Record<string, ChargeKind>> = {
  Usage: 'usage',
  Purchase: 'commitment',
  Credit: 'credit',
  Adjustment: 'refund',
  Tax: 'tax',
}

const focusKind = (row: Row, day: string): ChargeKind => {
  const kind = FOCUS_KINDS[row.ChargeCategory ?? ''] ?? 'other'
  // A correction of an earlier month's charge.
  if (kind === 'usage' && row.ChargeClass === 'Correction') return 'refund'
  // A commitment that is charged hour by hour goes on as it went.
  const until = row.ChargePeriodEnd?.slice(0, 10)
  const isWithinDay = until !== undefined && Date.parse(until) - Date.parse(day) <= DAY_MS
  return kind === 'commitment' && isWithinDay ? 'usage' : kind
}

/** @see https://focus.finops.org/focus-specification/ (1.0 to 1.2, with AWS's own x_ columns) */
const focus: Format = {
  name: 'FOCUS 1.x',
  parse: (row, where) => {
    refuseOtherCurrency(row.BillingCurrency, where)
    const day = dayOf(row.ChargePeriodStart, 'ChargePeriodStart', where)
    return {
      day,
      month: dayOf(row.BillingPeriodStart, 'BillingPeriodStart', where).slice(0, 7),
      usd: amountOf(row.BilledCost, 'BilledCost', where),
      kind: focusKind(row, day),
      product: row.x_ServiceCode || row.ServiceName || 'unnamed',
      usageType: row.x_UsageType || row.SkuMeter || '',
      tags: tagsOf(row.Tags, 'Tags', where),
    }
  },
}

const CUR_KINDS: Readonly<Record<string, ChargeKind>> = {
  Usage: 'usage',
  DiscountedUsage: 'usage',
  // Billed at the price on demand, and taken off again by a negation.
  SavingsPlanCoveredUsage: 'usage',
  SavingsPlanNegation: 'usage',
  BundledDiscount: 'usage',
  Discount: 'usage',
  EdpDiscount: 'usage',
  PrivateRateDiscount: 'usage',
  // Charged hour by hour, so it goes on as it went.
  SavingsPlanRecurringFee: 'usage',
  RIFee: 'commitment',
  SavingsPlanUpfrontFee: 'commitment',
  Fee: 'commitment',
  Credit: 'credit',
  Refund: 'refund',
  Tax: 'tax',
}

/** @see https://docs.aws.amazon.com/cur/latest/userguide/data-dictionary.html */
const legacy: Format = {
  name: 'a legacy Cost and Usage Report',
  parse: (row, where) => {
    refuseOtherCurrency(row['lineItem/CurrencyCode'], where)
    return {
      day: dayOf(row['lineItem/UsageStartDate'], 'lineItem/UsageStartDate', where),
      month: dayOf(row['bill/BillingPeriodStartDate'], 'bill/BillingPeriodStartDate', where).slice(
        0,
        7,
      ),
      usd: amountOf(row['lineItem/UnblendedCost'], 'lineItem/UnblendedCost', where),
      kind: CUR_KINDS[row['lineItem/LineItemType'] ?? ''] ?? 'other',
      product: row['lineItem/ProductCode'] || 'unnamed',
      usageType: row['lineItem/UsageType'] ?? '',
      tags: Object.fromEntries(
        Object.entries(row).flatMap(([column, text]) => {
          const [, tag] = TAG_COLUMN.exec(column) ?? []
          return tag === undefined || text === '' ? [] : [[tag.toLowerCase(), text]]
        }),
      ),
    }
  },
}

const cur2: Format = {
  name: 'a Cost and Usage Report 2.0',
  parse: (row, where) => {
    refuseOtherCurrency(row.line_item_currency_code, where)
    return {
      day: dayOf(row.line_item_usage_start_date, 'line_item_usage_start_date', where),
      month: dayOf(
        row.bill_billing_period_start_date,
        'bill_billing_period_start_date',
        where,
      ).slice(0, 7),
      usd: amountOf(row.line_item_unblended_cost, 'line_item_unblended_cost', where),
      kind: CUR_KINDS[row.line_item_line_item_type ?? ''] ?? 'other',
      product: row.line_item_product_code || 'unnamed',
      usageType: row.line_item_usage_type ?? '',
      tags: tagsOf(row.resource_tags, 'resource_tags', where),
    }
  },
}

const refuseOtherCurrency = (currency: string | undefined, where: string): void => {
  if (currency !== 'USD')
    throw new InputError(
      `${where}: the currency is ${currency || 'not given'}; only USD can be compared.`,
    )
}

const NUMBER = /^-?\d+(\.\d+)?([eE][+-]?\d{1,2})?$/

const amountOf = (text: string | undefined, column: string, where: string): Big => {
  if (text === undefined || !NUMBER.test(text))
    throw new InputError(`${where}: ${column} is ${text ? `"${text}"` : 'empty'}, not an amount.`)
  return new Big(text)
}

const DAY = /^(\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01]))([T ]|$)/

const dayOf = (text: string | undefined, column: string, where: string): string => {
  const [, day] = DAY.exec(text ?? '') ?? []
  if (day === undefined)
    throw new InputError(`${where}: ${column} is ${text ? `"${text}"` : 'empty'}, not a date.`)
  return day
}

/** Tags as a JSON object; AWS writes `user:stage` or `user_stage` for a tag `stage` of ours. */
const tagsOf = (text: string | undefined, column: string, where: string): Charge['tags'] => {
  if (text === undefined || text === '' || text === 'null') return {}
  try {
    const tags = JSON.parse(text) as unknown
    if (typeof tags === 'object' && tags !== null && !Array.isArray(tags))
      return Object.fromEntries(
        Object.entries(tags).map(([name, each]) => [
          name.replace(/^user[:_]/, '').toLowerCase(),
          String(each),
        ]),
      )
  } catch {
    // Said below, with the line.
  }
  throw new InputError(`${where}: ${column} is not a JSON object.`)
}
