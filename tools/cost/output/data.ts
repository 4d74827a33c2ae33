import { stringify } from 'csv-stringify/sync'
import { usdText } from '../bill/money.ts'
import type { Report } from '../report.ts'

/** The report as JSON; amounts are decimal strings of US dollars, to the micro-dollar. */
export const reportJson = (report: Report): string =>
  JSON.stringify(
    {
      ...report,
      currency: 'USD',
      scenarios: report.scenarios.map((scenario) => ({
        ...scenario,
        lines: scenario.lines.map(withoutFormula),
        baselineLines: scenario.baselineLines.map(withoutFormula),
      })),
      breakEven: { ...report.breakEven, at: report.breakEven.at ?? null },
    },
    (_key, value) => (typeof value === 'bigint' ? usdText(value, 6) : value),
    2,
  )

const withoutFormula = <L extends { readonly cost: unknown }>({ cost: _cost, ...line }: L) => line

/** Every line of both designs in every scenario, for a spreadsheet. */
export const reportCsv = ({ scenarios, region, switches }: Report): string =>
  stringify(
    scenarios
      .flatMap(({ name, lines, baselineLines }) => [
        ...baselineLines.map((line) => ({ scenario: name, design: 'eks', ...line })),
        ...lines.map((line) => ({ scenario: name, design: 'serverless', ...line })),
      ])
      .map(({ scenario, design, id, title, component, service, group, amount, assumptions }) => ({
        scenario,
        design,
        line: id,
        title,
        component,
        service,
        group,
        region,
        switches: design === 'eks' ? '' : switches.join(' '),
        usd_a_month: usdText(amount, 6),
        rests_on_assumptions: assumptions.join(' '),
      })),
    // A spreadsheet would run a cell that begins with =, +, - or @.
    { header: true, escape_formulas: true },
  )
