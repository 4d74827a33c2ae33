import { Big } from 'big.js'
import type { PricedLine } from '../bill/line.ts'
import { type MicroUsd, microUsd } from '../bill/money.ts'
import { InputError } from '../inputs/yaml.ts'
import { type Entry, type Export, type Ledger, sumOf } from './ledger.ts'

/** One service, or one group of functions: what was spent beside what was planned. */
export type SpendRow = {
  readonly name: string
  readonly spent: MicroUsd
  /** The plan's and the baseline's part for the days that the export covers. */
  readonly plan: MicroUsd
  readonly baseline: MicroUsd | undefined
  /** At the month's end, if it goes on as it went. */
  readonly forecast: MicroUsd
  readonly planOfMonth: MicroUsd
  /** Its part of the month's budget, in proportion to the plan. */
  readonly budget: MicroUsd
  /** The same days of the month before; undefined if the export does not hold them. */
  readonly before: MicroUsd | undefined
}

export type Spend = {
  readonly month: string
  /** The days that the export covers, of the month's. */
  readonly firstDay: number
  readonly lastDay: number
  readonly days: number
  readonly daysOfMonth: number
  /** Of which it holds something, too. */
  readonly otherMonths: readonly string[]
  /** Where it came in several files. */
  readonly exports: readonly Export[]
  readonly services: readonly SpendRow[]
  readonly groups: readonly SpendRow[]
  readonly total: SpendRow
  /** Not compared with a plan, because no plan holds them. */
  readonly aside: Readonly<Record<'credit' | 'refund' | 'tax' | 'other', MicroUsd>>
  readonly billed: MicroUsd
  readonly budget: MicroUsd
  /** What the budget sees: the forecast with credits and refunds, of what carries the stage's tag. */
  readonly forecastBilled: MicroUsd
  readonly otherStages: MicroUsd
  readonly otherProjects: MicroUsd
  /** Of what was spent: fees for a whole month or longer, which count on the day they were billed. */
  readonly commitments: MicroUsd
  readonly untagged: MicroUsd
}

export type Plan = {
  readonly stage: string
  /** `YYYY-MM`; without it the latest that the export holds. */
  readonly month?: string | undefined
  readonly lines: readonly PricedLine[]
  readonly baselineLines: readonly PricedLine[]
  readonly budgetUsd: number
}

/** As serverless.yml and Terraform tag everything that is the hub's. */
const PROJECT = 'learning-hub'

const isRunning = ({ kind }: Entry) => kind === 'usage' || kind === 'commitment'

/** Compares a month of a ledger with plan, baseline, budget and the month before. */
export const spendOf = (ledger: Ledger, plan: Plan): Spend => {
  const hubs = ledger.entries.filter(({ project = PROJECT }) => project === PROJECT)
  const ours = hubs.filter(({ stage = plan.stage }) => stage === plan.stage)
  const months = [...new Set(ours.map((entry) => entry.month))].toSorted()
  const month = plan.month ?? months.at(-1)
  if (month === undefined || !months.includes(month))
    throw new InputError(
      `The export holds nothing of the stage ${plan.stage}${month === undefined ? '' : ` in ${month}; it holds ${months.join(', ')}`}.`,
    )
  const now = ours.filter((entry) => entry.month === month)
  const daysOfMonth = daysIn(month)
  const { firstDay, lastDay } = daysOf(now, month)
  const days = lastDay - firstDay + 1
  const monthEarlier = ours.filter((entry) => entry.month === monthBefore(month))
  // An export that begins in the middle of the month before holds other days of it.
  const isHeld =
    monthEarlier.length > 0 && daysOf(monthEarlier, monthBefore(month)).firstDay <= firstDay
  const earlier = isHeld ? monthEarlier : []
  const comparable =
    days === daysOfMonth
      ? earlier
      : earlier.filter((entry) => dayNumber(entry) >= firstDay && dayNumber(entry) <= lastDay)
  const share = new Big(days).div(daysOfMonth)

  const rows = (key: (item: Entry | PricedLine) => string, hasBaseline: boolean) => {
    const names = new Set(
      [...now.filter(isRunning), ...comparable.filter(isRunning), ...plan.lines].map(key),
    )
    return [...names]
      .map((name) => {
        const of = <T extends Entry | PricedLine>(items: readonly T[]) =>
          items.filter((item) => key(item) === name)
        return row(
          name,
          of(now),
          of(comparable),
          of(plan.lines),
          hasBaseline ? of(plan.baselineLines) : undefined,
        )
      })
      .toSorted((one, other) => Number(other.spent - one.spent))
  }
  const row = (
    name: string,
    entries: readonly Entry[],
    before: readonly Entry[],
    planned: readonly PricedLine[],
    baseline: readonly PricedLine[] | undefined,
  ): SpendRow => ({
    name,
    spent: microUsd(sumOf(entries.filter(isRunning))),
    plan: part(amountOf(planned), share),
    planOfMonth: amountOf(planned),
    budget: budgetOf(planned, plan),
    baseline: baseline && part(amountOf(baseline), share),
    forecast: forecastOf(entries.filter(isRunning), share),
    before: earlier.length === 0 ? undefined : microUsd(sumOf(before.filter(isRunning))),
  })
  const ofKind = (kind: Entry['kind']) =>
    microUsd(sumOf(now.filter((entry) => entry.kind === kind)))
  const ofMonth = (entries: readonly Entry[]) =>
    microUsd(sumOf(entries.filter((entry) => entry.month === month)))
  const tagged = now.filter(({ stage }) => stage === plan.stage)

  return {
    ...{ month, firstDay, lastDay, days, daysOfMonth },
    otherMonths: months.filter((each) => each !== month),
    exports: ledger.exports,
    services: rows(({ service }) => service, true),
    groups: rows(({ group }) => group, false),
    total: row('total', now, comparable, plan.lines, plan.baselineLines),
    aside: {
      credit: ofKind('credit'),
      refund: ofKind('refund'),
      tax: ofKind('tax'),
      other: ofKind('other'),
    },
    billed: microUsd(sumOf(now)),
    budget: microUsd(plan.budgetUsd),
    forecastBilled:
      forecastOf(tagged.filter(isRunning), share) +
      microUsd(sumOf(tagged.filter((entry) => !isRunning(entry)))),
    otherStages: ofMonth(hubs.filter(({ stage = plan.stage }) => stage !== plan.stage)),
    otherProjects: ofMonth(ledger.entries.filter(({ project = PROJECT }) => project !== PROJECT)),
    commitments: ofKind('commitment'),
    untagged: microUsd(sumOf(now.filter(({ group }) => group === 'untagged'))),
  }
}

/** Usage goes on as it went; what is paid for a whole month or year is not paid again. */
const forecastOf = (entries: readonly Entry[], share: Big): MicroUsd => {
  const [usage, paid] = [
    entries.filter(({ kind }) => kind === 'usage'),
    entries.filter(({ kind }) => kind === 'commitment'),
  ]
  return microUsd(sumOf(usage).div(share).plus(sumOf(paid)))
}

const amountOf = (lines: readonly PricedLine[]): MicroUsd =>
  lines.reduce((sum, { amount }) => sum + amount, 0n)

const budgetOf = (planned: readonly PricedLine[], { lines, budgetUsd }: Plan): MicroUsd => {
  const all = amountOf(lines)
  return all === 0n ? 0n : (microUsd(budgetUsd) * amountOf(planned)) / all
}

const part = (amount: MicroUsd, share: Big): MicroUsd =>
  microUsd(new Big(amount.toString()).times(share).div(1_000_000))

const dayNumber = ({ day }: Entry): number => Number(day.slice(8))

/** The first and the last day with usage that lies in the month; a fee may carry the date of another. */
const daysOf = (entries: readonly Entry[], month: string) => {
  const days = entries
    .filter((entry) => entry.kind === 'usage' && entry.day.startsWith(month))
    .map(dayNumber)
  return days.length === 0
    ? { firstDay: 1, lastDay: 1 }
    : { firstDay: Math.min(...days), lastDay: Math.max(...days) }
}

const daysIn = (month: string): number => {
  const [year = 0, number = 1] = month.split('-').map(Number)
  return new Date(Date.UTC(year, number, 0)).getUTCDate()
}

const monthBefore = (month: string): string => {
  const [year = 0, number = 1] = month.split('-').map(Number)
  return new Date(Date.UTC(year, number - 2, 1)).toISOString().slice(0, 7)
}

/** What changed most against the same days of the month before. */
export const movedMost = (rows: readonly SpendRow[], most: number) =>
  rows
    .flatMap(({ name, spent, before }) =>
      before === undefined ? [] : [{ name, spent, before, change: spent - before }],
    )
    .filter(({ change }) => magnitude(change) >= MOVED_MIN)
    .toSorted((one, other) => Number(magnitude(other.change) - magnitude(one.change)))
    .slice(0, most)

/** A dollar. */
const MOVED_MIN = 1_000_000n
const magnitude = (amount: bigint) => (amount < 0n ? -amount : amount)
