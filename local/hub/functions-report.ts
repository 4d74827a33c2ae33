import type { LambdaStats } from '../lambda/lambda.ts'
import type { FunctionStats } from '../lambda/pool.ts'
import { functionKeyOf } from '../template/template.ts'

/** What `/_hub/functions.json` answers: counts since the hub started, by the function's key in serverless.yml. */
export type FunctionsReport = Omit<LambdaStats, 'functions'> & {
  readonly functions: Readonly<Record<string, FunctionStats>>
}

export const functionsReport = (stats: LambdaStats): FunctionsReport => ({
  ...stats,
  functions: Object.fromEntries(
    Object.entries(stats.functions).map(([name, one]) => [functionKeyOf(name), one]),
  ),
})
