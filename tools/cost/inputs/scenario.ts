import { readdir } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as z from 'zod'
import { type Formula, fixed, largest, named, over, type Value, value } from '../bill/formula.ts'
import { InputError, readYaml } from './yaml.ts'

export const SCENARIO_FOLDER = fileURLToPath(new URL('../data/scenarios', import.meta.url))

const count = z.number().min(0).max(1e12)

const schema = z.strictObject({
  title: z.string().min(1).max(120),
  region: z.string().default('us-east-1'),
  /** People who did anything in the month. */
  activeLearners: z.number().int().min(1).max(1e9),
  /** Calls through the gateway in the month, exam bursts not counted. */
  requests: count,
  /** The busiest second of an ordinary day. */
  peakRequestsPerSecond: count,
  videoHoursWatched: count,
  videoHoursUploaded: count,
  /** The library at the month's end. */
  videoHoursStored: count,
  certificates: count,
  mails: count,
  /** Documents, exports and static files. */
  documentsGb: count,
  /** Of the database, beyond what its own size includes. */
  backupGb: count,
  examBursts: z
    .array(
      z.strictObject({
        name: z.string().min(1),
        learners: z.number().int().min(1).max(1e8),
        callsPerLearner: z.number().positive().max(10_000),
        /** In which all of them come. */
        minutes: z.number().positive().max(1_440),
        timesAMonth: z.number().int().min(1).max(1_000).default(1),
      }),
    )
    .max(100)
    .default([]),
})

export type Load = z.output<typeof schema>
export type Scenario = Load & { readonly name: string }

/** A named scenario, or a file of the caller's. @throws InputError with the file's line. */
export const readScenario = async (nameOrPath: string): Promise<Scenario> => {
  const isFile = /[/\\.]/.test(nameOrPath)
  if (!isFile && !(await scenarioNames()).includes(nameOrPath))
    throw new InputError(
      `There is no scenario ${nameOrPath}; there are ${(await scenarioNames()).join(', ')}, or a file of yours.`,
    )
  const path = isFile ? nameOrPath : join(SCENARIO_FOLDER, `${nameOrPath}.yaml`)
  const load = await readYaml(path, schema)
  return { ...load, name: isFile ? basename(path).replace(/\.(ya?ml|json)$/, '') : nameOrPath }
}

export const scenarioNames = async (): Promise<readonly string[]> =>
  (await readdir(SCENARIO_FOLDER))
    .filter((name) => name.endsWith('.yaml'))
    .map((name) => name.replace('.yaml', ''))
    .toSorted()

type Amount = Exclude<keyof Load, 'title' | 'region' | 'examBursts'>

const UNITS: Readonly<Record<Amount, string>> = {
  activeLearners: 'people',
  requests: 'requests',
  peakRequestsPerSecond: 'requests per second',
  videoHoursWatched: 'hours',
  videoHoursUploaded: 'hours',
  videoHoursStored: 'hours',
  certificates: 'certificates',
  mails: 'mails',
  documentsGb: 'GB',
  backupGb: 'GB',
}

export const AMOUNTS = Object.keys(UNITS) as readonly Amount[]

/** One number of the load, for a formula. */
export const load = (scenario: Scenario, amount: Amount): Value =>
  value(amount, scenario[amount], UNITS[amount], origin(scenario))

const origin = ({ name }: Scenario) => ({ kind: 'scenario', text: name }) as const

/** Calls of all exam bursts of the month. */
export const burstCalls = (scenario: Scenario): Value =>
  value(
    'calls of exam bursts',
    scenario.examBursts.reduce(
      (sum, { learners, callsPerLearner, timesAMonth }) =>
        sum + learners * callsPerLearner * timesAMonth,
      0,
    ),
    'requests',
    origin(scenario),
  )

/** The busiest second of the month, bursts included. */
export const peakRate = (scenario: Scenario): Formula =>
  named(
    'busiest second',
    'requests per second',
    largest(
      load(scenario, 'peakRequestsPerSecond'),
      ...scenario.examBursts.map(({ name, learners, callsPerLearner, minutes }) =>
        over(
          value(`calls of ${name}`, learners * callsPerLearner, 'requests', origin(scenario)),
          fixed(`length of ${name}`, minutes * 60, 's', 'scenario'),
        ),
      ),
    ),
  )
