import { parseArgs } from 'node:util'
import { STAGES, type Stage } from './design/sizes.ts'
import { InputError } from './inputs/yaml.ts'

export const USAGE = `npm run cost [-- options]: what the hub costs, against its EKS baseline

  --scenario NAME|FILE   a load; may be repeated, the first is what the report is about
  --region NAME          whose prices, instead of the scenario's
  --with a,b             switches that make the bill smaller
  --stage prod|staging   whose sizes (prod)
  --lines                every line of the bill
  --why LINE             the formula of a line with its numbers
  --baseline             the baseline's own table beside list prices
  --json | --csv         for programs and spreadsheets
  --html FILE            one page with plots; with --actual, what was billed too
  --actual FILE          what AWS billed: a FOCUS 1.x, CUR or CUR 2.0 export, .csv or .csv.gz; may be repeated
  --month YYYY-MM        which month of it (the latest)
  --budget               what Terraform's budgets must hold
  --template FILE        a packaged template, instead of packaging
  --measurements FILE    instead of docs/measurements/functions.json`

export type Flags = {
  readonly scenarios: readonly string[]
  readonly region: string | undefined
  readonly switches: readonly string[]
  readonly stage: Stage
  readonly show: 'report' | 'lines' | 'baseline' | 'json' | 'csv' | 'budget' | 'help'
  readonly why: string | undefined
  readonly html: string | undefined
  readonly actual: readonly string[]
  readonly month: string | undefined
  readonly template: string | undefined
  readonly measurements: string | undefined
}

const SHOWS = ['lines', 'baseline', 'json', 'csv', 'budget', 'help'] as const

/** The second of each pair would be left unheard. */
const UNHEARD = [
  ['budget', 'actual'],
  ['budget', 'with'],
  ['budget', 'scenario'],
  ['budget', 'region'],
  ['lines', 'actual'],
  ['baseline', 'actual'],
  ['why', 'actual'],
] as const

/** @throws InputError with one sentence. */
export const readFlags = (args: readonly string[]): Flags => {
  const values = parse(args)
  const shows = SHOWS.filter((name) => values[name])
  const [one, other] = [...shows, ...(['why', 'html'] as const).filter((name) => values[name])]
  if (other) throw new InputError(`--${one} and --${other} exclude each other.`)
  for (const [name, unheard] of UNHEARD)
    if (values[name] && values[unheard])
      throw new InputError(`--${name} does not go with --${unheard}.`)
  if (values.month && !values.actual) throw new InputError('--month is for --actual.')
  if (values.month && !/^\d{4}-(0[1-9]|1[0-2])$/.test(values.month))
    throw new InputError(`--month is ${values.month}, not a month as 2026-10.`)
  if (values.why && (values.scenario?.length ?? 0) > 1)
    throw new InputError('--why explains a line of one scenario.')
  const stage = STAGES.find((name) => name === (values.stage ?? 'prod'))
  if (!stage)
    throw new InputError(`There is no stage ${values.stage}; there are ${STAGES.join(' and ')}.`)
  return {
    scenarios: values.scenario ?? [],
    region: values.region,
    switches: (values.with ?? []).flatMap((list) => list.split(',')).filter(Boolean),
    stage,
    show: shows[0] ?? 'report',
    why: values.why,
    html: values.html,
    actual: values.actual ?? [],
    month: values.month,
    template: values.template,
    measurements: values.measurements,
  }
}

const parse = (args: readonly string[]) => {
  try {
    return parseArgs({
      args: [...args],
      options: {
        scenario: { type: 'string', multiple: true },
        region: { type: 'string' },
        with: { type: 'string', multiple: true },
        stage: { type: 'string' },
        why: { type: 'string' },
        html: { type: 'string' },
        actual: { type: 'string', multiple: true },
        month: { type: 'string' },
        template: { type: 'string' },
        measurements: { type: 'string' },
        lines: { type: 'boolean' },
        baseline: { type: 'boolean' },
        json: { type: 'boolean' },
        csv: { type: 'boolean' },
        budget: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    }).values
  } catch (error) {
    const [sentence = 'The options are not understood'] = String((error as Error).message).split(
      '. ',
    )
    throw new InputError(`${sentence}. See npm run cost -- --help.`)
  }
}
