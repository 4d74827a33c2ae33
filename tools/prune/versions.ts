import {
  DeleteFunctionCommand,
  type LambdaClient,
  paginateListAliases,
  paginateListFunctions,
  paginateListVersionsByFunction,
} from '@aws-sdk/client-lambda'
import { assert } from '../../shared/kernel/assert.ts'

/** A published version that nothing needs. */
export type Outdated = { readonly functionName: string; readonly version: string }

/**
 * Versions of a stack's functions beyond the newest, save those that an alias sends calls to.
 *
 * @param prefix of the functions' names.
 * @param keep how many of the newest stay, of each function.
 * @returns oldest first, by function.
 */
export const outdatedVersions = async (
  lambda: LambdaClient,
  { prefix, keep }: { prefix: string; keep: number },
): Promise<readonly Outdated[]> => {
  const outdated: Outdated[] = []
  for await (const { Functions = [] } of paginateListFunctions({ client: lambda }, {}))
    for (const { FunctionName = '' } of Functions)
      if (FunctionName.startsWith(prefix))
        outdated.push(...(await outdatedOf(lambda, { functionName: FunctionName, keep })))
  return outdated
}

/** Deletes them, one at a time. @throws what Lambda refuses, such as a version that an alias has come to mean since. */
export const deleteVersions = async (
  lambda: LambdaClient,
  outdated: readonly Outdated[],
): Promise<void> => {
  for (const { functionName, version } of outdated) {
    // Without a version the call would delete the function itself.
    assert(PUBLISHED.test(version), 'a published version has a number')
    await lambda.send(new DeleteFunctionCommand({ FunctionName: functionName, Qualifier: version }))
  }
}

const PUBLISHED = /^[1-9]\d*$/

const outdatedOf = async (
  lambda: LambdaClient,
  { functionName, keep }: { functionName: string; keep: number },
): Promise<readonly Outdated[]> => {
  const published: number[] = []
  for await (const { Versions = [] } of paginateListVersionsByFunction(
    { client: lambda },
    { FunctionName: functionName },
  ))
    for (const { Version = '' } of Versions)
      if (PUBLISHED.test(Version)) published.push(Number(Version))
  const older = published.toSorted((one, other) => one - other).slice(0, -keep)
  if (older.length === 0) return []
  const called = await calledVersions(lambda, functionName)
  return older
    .map((version) => ({ functionName, version: String(version) }))
    .filter(({ version }) => !called.has(version))
}

/** While calls are being shifted an alias means two versions. */
const calledVersions = async (
  lambda: LambdaClient,
  functionName: string,
): Promise<ReadonlySet<string>> => {
  const called = new Set<string>()
  for await (const { Aliases = [] } of paginateListAliases(
    { client: lambda },
    { FunctionName: functionName },
  ))
    for (const { FunctionVersion, RoutingConfig } of Aliases) {
      if (FunctionVersion) called.add(FunctionVersion)
      for (const version of Object.keys(RoutingConfig?.AdditionalVersionWeights ?? {}))
        called.add(version)
    }
  return called
}
