import { writeFile } from 'node:fs/promises'
import { TemplateError } from '../../local/template/resolve.ts'
import { readLedger } from './actual/ledger.ts'
import { type Spend, spendOf } from './actual/spend.ts'
import { explain } from './bill/explain.ts'
import { usd } from './bill/money.ts'
import { budgetOf } from './budget.ts'
import { STAGES, type Stage } from './design/sizes.ts'
import { type Flags, readFlags, USAGE } from './flags.ts'
import { readScenario, scenarioNames } from './inputs/scenario.ts'
import { InputError } from './inputs/yaml.ts'
import { reportCsv, reportJson } from './output/data.ts'
import { spendCsv, spendJson, spendText } from './output/spend.ts'
import { baselineText, linesText, reportText } from './output/text.ts'
import { type Report, reportOf } from './report.ts'
import { type Compared, compare, openWorkspace, type Workspace } from './workspace.ts'

type Screen = { readonly out: (text: string) => void; readonly err: (text: string) => void }

/** @returns the exit code: 1 for bad input, with one sentence that says which. */
export const runCost = async (args: readonly string[], screen: Screen): Promise<number> => {
  try {
    const flags = readFlags(args)
    if (flags.show === 'help') screen.out(USAGE)
    else await run(flags, screen)
    return 0
  } catch (error) {
    if (!(error instanceof InputError || error instanceof TemplateError)) throw error
    screen.err(error.message)
    return 1
  }
}

const run = async (flags: Flags, { out }: Screen): Promise<void> => {
  const workspace = await openWorkspace({
    stage: flags.stage,
    switches: flags.switches,
    templatePath: flags.template,
    measurementPath: flags.measurements,
  })
  if (flags.show === 'budget') return out(await budgets(flags))
  const compared: Compared[] = []
  // A line is explained, and spend compared, under one load; the page shows all beside it.
  const isOfOne = flags.why !== undefined || (flags.actual.length > 0 && flags.html === undefined)
  const most = isOfOne ? 1 : undefined
  for (const name of (await scenariosOf(flags)).slice(0, most)) {
    const scenario = await readScenario(name)
    const { region = scenario.region } = flags
    compared.push(await compare(workspace, { ...scenario, region }))
  }
  if (flags.why !== undefined) return out(why(flags.why, compared))
  const spend = flags.actual.length > 0 ? await spent(flags, workspace, compared) : undefined
  if (spend && flags.html === undefined) return out(spendShown(spend, flags.show))
  const report = reportOf(workspace, compared)
  if (flags.html === undefined) return out(shown(report, flags.show))
  // Drawing brings in a large library, which nothing else needs.
  const { reportPage } = await import('./output/page.ts')
  const page = await reportPage(report, spend)
  await writeFile(flags.html, page).catch((error: NodeJS.ErrnoException) => {
    throw new InputError(`${flags.html} cannot be written (${error.code}).`)
  })
  out(`Written: ${flags.html}`)
}

/** What is asked for; or all named loads, the baseline first; the test stage has one of its own. */
const scenariosOf = async ({ scenarios, stage }: Flags): Promise<readonly string[]> => {
  if (scenarios.length > 0) return scenarios
  if (stage === 'staging') return ['staging']
  const others = (await scenarioNames()).filter((name) => !['baseline', 'staging'].includes(name))
  return ['baseline', ...others]
}

const shown = (report: Report, show: Flags['show']): string => {
  switch (show) {
    case 'json':
      return reportJson(report)
    case 'csv':
      return reportCsv(report)
    case 'lines':
      return linesText(report)
    case 'baseline':
      return baselineText(report)
    default:
      return reportText(report)
  }
}

/** What every stage's sizes.auto.tfvars.json has to hold. */
const budgets = async ({ template, measurements }: Flags): Promise<string> => {
  const of = async (stage: Stage) => {
    const workspace = await openWorkspace({
      stage,
      ...{ templatePath: template, measurementPath: measurements },
    })
    return [stage, { budget: await budgetOf(workspace) }] as const
  }
  return JSON.stringify(Object.fromEntries(await Promise.all(STAGES.map(of))), undefined, 2)
}

/** What was billed, beside the first scenario as the plan. */
const spent = async (
  { actual, stage, month }: Flags,
  { platform }: Workspace,
  [plan]: readonly Compared[],
): Promise<Spend> =>
  spendOf(await readLedger(actual), {
    ...{ stage, month },
    lines: plan?.serverless.lines ?? [],
    baselineLines: plan?.baseline.lines ?? [],
    budgetUsd: platform.sizes.budget.monthly_usd,
  })

const spendShown = (spend: Spend, show: Flags['show']): string => {
  if (show === 'json') return spendJson(spend)
  return show === 'csv' ? spendCsv(spend) : spendText(spend)
}

const why = (id: string, [first]: readonly Compared[]): string => {
  const lines = [...(first?.serverless.lines ?? []), ...(first?.baseline.lines ?? [])]
  const line = lines.find((each) => each.id === id)
  if (!line) {
    const near = lines.filter((each) => each.id.includes(id.split('.').at(-1) ?? id))
    const hint =
      near.length > 0
        ? ` Do you mean ${near
            .slice(0, 5)
            .map((each) => each.id)
            .join(', ')}?`
        : ' See --lines.'
    throw new InputError(`There is no line ${id}.${hint}`)
  }
  return [
    `${line.id}: ${line.title}, ${usd(line.amount, 4)} a month in ${first?.scenario.name}`,
    '',
    ...explain(line.cost),
  ].join('\n')
}
