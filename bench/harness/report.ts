import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { cpus, loadavg, totalmem } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Bench, type Goal, type Measured, median } from './bench.ts'

const docs = fileURLToPath(new URL('../../docs', import.meta.url))
const folder = join(docs, 'benchmarks')

/** What a run leaves behind; docs/benchmarks.md is rendered from these. */
type Result = Pick<Bench, 'name' | 'title' | 'goals' | 'notes'> & {
  readonly measuredAt: string
  readonly machine: string
  readonly measured: readonly Measured[]
}

export type Verdict = {
  readonly goal: Goal
  readonly figure: number
  readonly isMet: boolean
}

/** Keeps a run's figures, and renders the page anew from the newest run of every bench. */
export const keepResult = async (bench: Bench, measured: readonly Measured[]): Promise<void> => {
  const { name, title, goals, notes } = bench
  const result: Result = {
    ...{ name, title, goals, notes, measured },
    measuredAt: new Date().toISOString(),
    machine: machine(),
  }
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, `${name}.json`), `${JSON.stringify(result, undefined, 2)}\n`)
  await renderPage()
}

export const verdictsOf = (
  goals: readonly Goal[],
  measured: readonly Measured[],
): readonly Verdict[] =>
  goals.map((goal) => {
    const figure = figureOf(goal, measured)
    const isMet = figure >= (goal.atLeast ?? -Infinity) && figure <= (goal.atMost ?? Infinity)
    return { goal, figure, isMet }
  })

export const describeGoal = ({ metric, against, atLeast, atMost }: Goal): string => {
  const bounds = [
    ...(atLeast === undefined ? [] : [`>= ${atLeast}`]),
    ...(atMost === undefined ? [] : [`<= ${atMost}`]),
  ].join(' and ')
  return against ? `${metric} ${bounds} x ${against}` : `${metric} ${bounds}`
}

/** The median of the paired rounds' ratios: a slow moment of the machine is in both halves of a pair. */
const figureOf = ({ metric, against }: Goal, measured: readonly Measured[]): number => {
  const valuesOf = (name: string) =>
    (measured.find(({ contender }) => contender === name)?.samples ?? []).map(
      (sample) => sample[metric] ?? Number.NaN,
    )
  const ours = valuesOf('hub')
  if (against === undefined) return median(ours)
  const theirs = valuesOf(against)
  return median(ours.map((value, index) => value / (theirs[index] ?? Number.NaN)))
}

const renderPage = async (): Promise<void> => {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.json')).sort()
  const results = await Promise.all(
    names.map(
      async (name): Promise<Result> => JSON.parse(await readFile(join(folder, name), 'utf8')),
    ),
  )
  const page = [INTRODUCTION, summaryOf(results), ...results.map(sectionOf)]
  await writeFile(join(docs, 'benchmarks.md'), `${page.join('\n\n')}\n`)
}

const INTRODUCTION = `# Benchmarks

\`npm run bench\` measures all of them and \`npm run bench -- NAME\` one; this page is written by it, from the newest run of each.

Ours and its peers run in turn within one run, after a cold round that does not count; who begins moves on with each round.
A figure is the median of the rounds, with the smallest and the largest; a ratio is the median of the ratios of paired rounds.
Compare ratios: absolute figures are this machine's, and loopback without TLS flatters everybody.`

const summaryOf = (results: readonly Result[]): string => {
  const rows = results.flatMap((result) =>
    verdictsOf(result.goals, result.measured).map(
      ({ goal, figure, isMet }) =>
        `| [${result.name}](#${result.name}) | ${describeGoal(goal)} | ${figureText(figure)} | ${isMet ? 'met' : '**missed**'} |`,
    ),
  )
  return ['| bench | goal | measured | |', '|---|---|---|---|', ...rows].join('\n')
}

const sectionOf = ({ name, title, notes, measuredAt, machine, measured }: Result): string => {
  const metrics = [...new Set(measured.flatMap(({ samples }) => Object.keys(samples[0] ?? {})))]
  const rows = measured.map(({ contender, samples }) => {
    const cells = metrics.map((metric) => rangeOf(samples.map((sample) => sample[metric])))
    return `| ${contender} | ${cells.join(' | ')} |`
  })
  return [
    `## ${name}\n\n${title}`,
    [`| | ${metrics.join(' | ')} |`, `|---|${metrics.map(() => '---|').join('')}`, ...rows].join(
      '\n',
    ),
    ...(notes.length > 0 ? [notes.map((note) => `- ${note}`).join('\n')] : []),
    `\`npm run bench -- ${name}\`, ${measuredAt.slice(0, 10)}, ${machine}`,
  ].join('\n\n')
}

const rangeOf = (values: readonly (number | undefined)[]): string => {
  const known = values.filter((value) => value !== undefined)
  if (known.length === 0) return ''
  const [low, high] = [Math.min(...known), Math.max(...known)].map(figureText)
  return low === high ? String(low) : `${figureText(median(known))} (${low}-${high})`
}

const figureText = (value: number): string =>
  Math.abs(value) >= 1_000
    ? Math.round(value).toLocaleString('en')
    : String(Number(value.toPrecision(3)))

/** What else the machine was doing: a run beside other work is known by it. */
const loadAtStart = loadavg()[0] ?? 0

const machine = (): string => {
  const model = cpus()[0]?.model.trim() ?? 'unknown processor'
  const memory = Math.round(totalmem() / 1_024 ** 3)
  return `Node ${process.versions.node}, ${cpus().length} cores (${model}), ${memory} GiB, load average ${loadAtStart.toFixed(1)} when the run began`
}
