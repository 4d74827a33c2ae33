import { stringify } from 'csv-stringify/sync'
import { movedMost, type Spend, type SpendRow } from '../actual/spend.ts'
import { type MicroUsd, usd, usdText } from '../bill/money.ts'
import { columns } from './columns.ts'

const signed = (amount: MicroUsd) => (amount > 0n ? `+${usd(amount)}` : usd(amount))
const MOVED_SHOWN = 10

/** Spend against plan, baseline, budget and forecast, for a terminal. */
export const spendText = (spend: Spend): string =>
  [
    `${spend.month}: ${spend.days} of ${spend.daysOfMonth} days. Plan and baseline are their part for these days.`,
    table('service', [...spend.services, spend.total]),
    table('group', [...spend.groups, spend.total]),
    aside(spend),
    budget(spend),
    moved(spend),
  ].join('\n\n')

const table = (name: string, rows: readonly SpendRow[]) =>
  columns(
    [
      name,
      'spent',
      'plan',
      'spent less plan',
      'EKS baseline',
      'forecast',
      'plan of the month',
      'budget',
    ],
    rows.map(({ name: title, spent, plan, baseline, forecast, planOfMonth, budget: limit }) => [
      title,
      usd(spent),
      usd(plan),
      signed(spent - plan),
      baseline === undefined ? '' : usd(baseline),
      usd(forecast),
      usd(planOfMonth),
      usd(limit),
    ]),
  )

const aside = ({ aside: { credit, refund, tax, other }, billed, otherStages, untagged }: Spend) =>
  [
    `Not in the plan: credits ${usd(credit)}, refunds ${usd(refund)}, tax ${usd(tax)}${other === 0n ? '' : `, of kinds that are unknown here ${usd(other)}`}. Billed in all: ${usd(billed)}.`,
    ...(otherStages === 0n
      ? []
      : [`Left out, because it carries another stage's tag: ${usd(otherStages)}.`]),
    ...(untagged === 0n
      ? []
      : [`Without any tag, and so not seen by the budget: ${usd(untagged)}.`]),
  ].join('\n')

const budget = ({ budget: limit, forecastBilled, billed }: Spend) => {
  const percent = (amount: MicroUsd) => `${Number((amount * 1_000n) / limit) / 10} %`
  const verdict =
    forecastBilled > limit
      ? `over it by ${usd(forecastBilled - limit)}`
      : `within it by ${usd(limit - forecastBilled)}`
  return `Budget ${usd(limit)}: billed so far ${percent(billed)}; the forecast of what it counts is ${usd(forecastBilled)} (${percent(forecastBilled)}), ${verdict}.`
}

const moved = ({ services, groups, total }: Spend) => {
  if (total.before === undefined)
    return 'The export does not hold the month before, so nothing can be said of what moved.'
  const parts = [
    ['service', movedMost(services, MOVED_SHOWN)] as const,
    ['group', movedMost(groups, MOVED_SHOWN)] as const,
  ].map(([name, rows]) =>
    rows.length === 0
      ? `No ${name} moved by a dollar.`
      : columns(
          [name, 'month before, same days', 'spent', 'moved'],
          rows.map((row) => [row.name, usd(row.before), usd(row.spent), signed(row.change)]),
        ),
  )
  return `What moved: ${signed(total.spent - total.before)} in all\n\n${parts.join('\n\n')}`
}

/** The same for programs; amounts are decimal strings. */
export const spendJson = (spend: Spend): string =>
  JSON.stringify(
    { ...spend, currency: 'USD' },
    (_key, value) => (typeof value === 'bigint' ? usdText(value, 6) : value),
    2,
  )

/** The same for spreadsheets: a row for each service and each group. */
export const spendCsv = ({ month, days, services, groups }: Spend): string =>
  stringify(
    [
      ...services.map((row) => ({ by: 'service', ...row })),
      ...groups.map((row) => ({ by: 'group', ...row })),
    ].map(({ by, name, spent, plan, baseline, forecast, planOfMonth, budget: limit, before }) => ({
      month,
      days,
      by,
      name,
      spent_usd: usdText(spent, 6),
      plan_usd: usdText(plan, 6),
      baseline_usd: baseline === undefined ? '' : usdText(baseline, 6),
      forecast_usd: usdText(forecast, 6),
      plan_of_month_usd: usdText(planOfMonth, 6),
      budget_usd: usdText(limit, 6),
      month_before_usd: before === undefined ? '' : usdText(before, 6),
    })),
    { header: true, escape_formulas: true },
  )
