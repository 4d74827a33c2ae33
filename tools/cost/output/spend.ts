import { stringify } from 'csv-stringify/sync'
import type { Spend } from '../actual/spend.ts'
import { type MicroUsd, microUsd, signedUsd, usd, usdText } from '../bill/money.ts'
import { columns } from './table.ts'
import { movedTables, spendTables } from './tables.ts'

/** Spend against plan, baseline, budget and forecast, for a terminal. */
export const spendText = (spend: Spend): string =>
  [
    coverage(spend),
    ...spendTables(spend).map(columns),
    aside(spend).join('\n'),
    verdict(spend),
    ...['What moved', moved(spend), ...movedTables(spend).map(columns)],
  ].join('\n\n')

/** Which days are compared. */
export const coverage = (spend: Spend): string => {
  const { month, firstDay, lastDay, days, daysOfMonth, otherMonths, exports } = spend
  return [
    `${month}: ${days} of ${daysOfMonth} days (${firstDay} to ${lastDay}). Plan and baseline are their part for these days.`,
    ...(otherMonths.length === 0
      ? []
      : [`The export also holds ${otherMonths.join(', ')}; --month looks at another.`]),
    ...(exports.length < 2
      ? []
      : exports.map(
          ({ path, from, to, usd: sum }) =>
            `${path} holds ${from} to ${to}, ${usd(microUsd(sum))}; what two files hold counts twice.`,
        )),
  ].join(' ')
}

/** What was billed and is in no plan, as sentences. */
export const aside = ({
  aside: { credit, refund, tax, other },
  billed,
  otherStages,
  otherProjects,
  commitments,
  untagged,
}: Spend): readonly string[] => [
  `Not in the plan: credits ${usd(credit)}, refunds ${usd(refund)}, tax ${usd(tax)}${other === 0n ? '' : `, of kinds that are unknown here ${usd(other)}`}. Billed in all: ${usd(billed)}.`,
  ...(otherStages === 0n
    ? []
    : [`Left out, because it carries another stage's tag: ${usd(otherStages)}.`]),
  ...(otherProjects === 0n
    ? []
    : [`Left out, because it carries another project's tag: ${usd(otherProjects)}.`]),
  ...(commitments === 0n
    ? []
    : [
        `Of what was spent, ${usd(commitments)} are fees for a month or longer. They count on the day they were billed, while the plan counts a part for each day.`,
      ]),
  ...(untagged === 0n ? [] : [`Without any tag, and so not seen by the budget: ${usd(untagged)}.`]),
]

/** The budget beside what was billed and what is to come. */
export const verdict = ({ budget: limit, forecastBilled, billed }: Spend): string => {
  const percent = (amount: MicroUsd) => `${Number((amount * 1_000n) / limit) / 10} %`
  const end =
    forecastBilled > limit
      ? `over it by ${usd(forecastBilled - limit)}`
      : `within it by ${usd(limit - forecastBilled)}`
  return `Budget ${usd(limit)}: billed so far ${percent(billed)}; the forecast of what it counts is ${usd(forecastBilled)} (${percent(forecastBilled)}), ${end}.`
}

/** How all of it changed, or why that cannot be said. */
export const moved = (spend: Spend): string => {
  const { spent, before } = spend.total
  if (before === undefined)
    return 'The export does not hold the same days of the month before, so nothing can be said of what moved.'
  const each =
    movedTables(spend).length > 0
      ? 'what follows moved by a dollar and more'
      : 'no service and no group moved by a dollar'
  return `${signedUsd(spent - before)} in all, against the same days of the month before; ${each}.`
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
