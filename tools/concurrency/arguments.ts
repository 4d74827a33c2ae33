import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import * as z from 'zod'
import { ACCOUNT_CONCURRENCY, UNRESERVED_MIN } from './limits.ts'

const share = z.coerce.number().gt(0).lt(1)
const file = z
  .string()
  .min(1)
  // npm runs scripts in the package's folder; files are named from where the person stands.
  .transform((name) => resolve(process.env.INIT_CWD ?? '.', name))
const parts = z
  .array(file)
  .refine((names) => new Set(names).size === names.length, 'one file is given twice')
  .optional()
const MINUTE_SECONDS = 60
const DAY_SECONDS = 86_400

const schema = z.strictObject({
  profile: z.string().min(1).default('steady'),
  /** Parts of one log. */
  logs: parts,
  /** Parts of one export. */
  metrics: parts,
  period: z.coerce
    .number()
    .int()
    .min(MINUTE_SECONDS)
    .max(DAY_SECONDS)
    .multipleOf(MINUTE_SECONDS)
    .optional(),
  stage: z
    .string()
    .regex(/^[a-z][a-z0-9-]*$/, 'this is no name of a stage')
    .optional(),
  'print-queries': z.boolean().default(false),
  /** Of the queries, where they are too many for one request. */
  part: z.coerce.number().int().min(1).optional(),
  durations: file.optional(),
  template: file.optional(),
  sizes: file.optional(),
  html: file.optional(),
  learners: z.coerce.number().int().min(1).max(100_000_000).default(10_000),
  // Below the middle a bad moment would be better than the mean.
  quantile: share.min(0.5).default(0.999),
  throttled: share.default(0.001),
  cold: share.default(0.01),
  headroom: z.coerce.number().min(1).max(100).default(1.5),
  account: z.coerce
    .number()
    .int()
    .min(UNRESERVED_MIN + 1)
    .max(1_000_000)
    .default(ACCOUNT_CONCURRENCY),
  lower: z.boolean().default(false),
  write: z.boolean().default(false),
  rehearse: z.boolean().default(false),
  seconds: z.coerce.number().int().min(10).max(600).default(60),
  rate: z.coerce.number().gt(0).max(1_000).default(25),
  seed: z.coerce.number().int().min(0).max(2_147_483_647).default(1),
})

/** What a person may ask for. Files are absolute. */
export type Arguments = z.output<typeof schema>

const text = { type: 'string' } as const
const texts = { type: 'string', multiple: true } as const
const flag = { type: 'boolean' } as const
const OPTIONS = {
  ...{ profile: text, logs: texts, metrics: texts, period: text, stage: text },
  ...{ 'print-queries': flag, part: text },
  ...{ durations: text, template: text, sizes: text },
  ...{ html: text, learners: text, quantile: text, throttled: text, cold: text, headroom: text },
  ...{
    account: text,
    seconds: text,
    rate: text,
    seed: text,
    lower: flag,
    write: flag,
    rehearse: flag,
  },
}

/** @throws an Error with one sentence that names what is wrong. */
export const readArguments = (args: readonly string[]): Arguments => {
  const { values } = parsed(args)
  for (const [name, value] of Object.entries(values))
    if (isNegative(String(value))) throw new Error(`--${name}: ${value} is negative.`)
  const result = schema.safeParse(values)
  if (!result.success) {
    const [issue] = result.error.issues
    throw new Error(`--${issue?.path.join('.')}: ${issue?.message}.`)
  }
  const { profile, logs, metrics } = values
  if ([profile, logs, metrics].filter((source) => source !== undefined).length > 1)
    throw new Error('Give one of --profile, --logs and --metrics.')
  if (result.data['print-queries'] && result.data.stage === undefined)
    throw new Error('--print-queries needs --stage: functions are called by their stage.')
  return result.data
}

const parsed = (args: readonly string[]) => {
  try {
    return parseArgs({ args: joinNegative(args), options: OPTIONS })
  } catch (error) {
    const [sentence = ''] = (error instanceof Error ? error.message : String(error)).split(/\. |\n/)
    throw new Error(`${sentence.replace(/\.$/, '')}.`)
  }
}

/** A number with a minus is a value, though parseArgs would ask whether it is an option. */
const joinNegative = (args: readonly string[]): string[] =>
  args.flatMap((one, index) => {
    if (isNegative(one) && isBareOption(args[index - 1])) return []
    const [next = ''] = args.slice(index + 1)
    return isBareOption(one) && isNegative(next) ? [`${one}=${next}`] : [one]
  })

const isNegative = (text: string): boolean => /^-\d/.test(text)
const isBareOption = (text = ''): boolean => /^--[^=]+$/.test(text)
