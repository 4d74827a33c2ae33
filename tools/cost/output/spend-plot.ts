import type { Spend, SpendRow } from '../actual/spend.ts'
import { dollars } from '../bill/money.ts'
import { type Drawing, drawn, INK, PLOT_WIDTH_PX, type Plot } from './draw.ts'
import { spendTables } from './tables.ts'

const SHOWN = 12

const AMOUNTS = [
  { name: 'spent', color: '#0072b2', of: ({ spent }: SpendRow) => spent },
  { name: 'plan', color: '#999999', of: ({ plan }: SpendRow) => plan },
  { name: 'EKS baseline', color: '#b04a00', of: ({ baseline = 0n }: SpendRow) => baseline },
] as const

/** What was billed beside plan and baseline, by service. */
export const spendPlot = (spend: Spend): Promise<Plot> => drawn(byService(spend))

const byService = (spend: Spend): Drawing => {
  const { month } = spend
  const shown = spend.services.slice(0, SHOWN)
  const rows = shown.flatMap((service) =>
    AMOUNTS.map(({ name, of }) => ({
      service: service.name,
      amount: name,
      usd: dollars(of(service)),
    })),
  )
  return {
    title: 'Spend by service',
    summary: `Bars by service for the days of ${month} that the export covers: what was spent, the plan and the EKS baseline. Most was spent on ${shown[0]?.name ?? 'nothing'}.`,
    numbers: spendTables(spend),
    spec: {
      data: { values: rows },
      width: PLOT_WIDTH_PX - 240,
      height: { step: 10 },
      mark: { type: 'bar', stroke: INK, strokeWidth: 0.4 },
      encoding: {
        y: {
          field: 'service',
          title: null,
          sort: shown.map(({ name }) => name),
          scale: { paddingInner: 0.3 },
        },
        yOffset: { field: 'amount', sort: AMOUNTS.map(({ name }) => name) },
        x: {
          field: 'usd',
          type: 'quantitative',
          title: 'US dollars',
          axis: { format: ',d' },
        },
        color: {
          field: 'amount',
          title: null,
          scale: {
            domain: AMOUNTS.map(({ name }) => name),
            range: AMOUNTS.map(({ color }) => color),
          },
          legend: { orient: 'top' },
        },
      },
    },
  }
}
