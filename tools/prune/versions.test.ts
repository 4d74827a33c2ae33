import {
  DeleteFunctionCommand,
  LambdaClient,
  ListAliasesCommand,
  ListFunctionsCommand,
  ListVersionsByFunctionCommand,
} from '@aws-sdk/client-lambda'
import { beforeEach, describe, expect, it } from '@jest/globals'
import { mockClient } from 'aws-sdk-client-mock'
import { deleteVersions, outdatedVersions } from './versions.ts'

const api = mockClient(LambdaClient)
const lambda = new LambdaClient({ region: 'us-east-1' })
const NAME = 'learning-hub-prod-courseHttp'
const prod = { prefix: 'learning-hub-prod-', keep: 2 }

const versions = (...numbers: readonly number[]) => ({
  Versions: ['$LATEST', ...numbers.map(String)].map((Version) => ({ Version })),
})

beforeEach(() => {
  api.reset()
  api.on(ListFunctionsCommand).resolves({ Functions: [{ FunctionName: NAME }] })
  api.on(ListVersionsByFunctionCommand).resolves(versions(8, 9, 10, 11, 12))
  api.on(ListAliasesCommand).resolves({ Aliases: [] })
})

describe('outdatedVersions', () => {
  it('are all but the newest, by number and oldest first', async () => {
    expect(await outdatedVersions(lambda, prod)).toEqual(
      ['8', '9', '10'].map((version) => ({ functionName: NAME, version })),
    )
  })

  it('are none that an alias means, in whole or by weight', async () => {
    api.on(ListAliasesCommand).resolves({
      Aliases: [
        { FunctionVersion: '9', RoutingConfig: { AdditionalVersionWeights: { '10': 0.1 } } },
      ],
    })
    expect(await outdatedVersions(lambda, prod)).toEqual([{ functionName: NAME, version: '8' }])
  })

  it('are none of a function that has not more than are kept', async () => {
    api.on(ListVersionsByFunctionCommand).resolves(versions(1, 2))
    expect(await outdatedVersions(lambda, prod)).toEqual([])
  })

  it('are looked for on every page, among the stage’s own functions alone', async () => {
    api.on(ListFunctionsCommand).callsFake(({ Marker }) =>
      Marker
        ? { Functions: [{ FunctionName: 'learning-hub-prod-userHttp' }] }
        : {
            Functions: [
              { FunctionName: 'learning-hub-staging-userHttp' },
              { FunctionName: 'learning-hub-production' },
            ],
            NextMarker: 'more',
          },
    )
    api
      .on(ListVersionsByFunctionCommand)
      .callsFake(({ Marker }) =>
        Marker ? versions(3, 4) : { ...versions(1, 2), NextMarker: 'more' },
      )
    expect(await outdatedVersions(lambda, prod)).toEqual(
      ['1', '2'].map((version) => ({ functionName: 'learning-hub-prod-userHttp', version })),
    )
  })
})

describe('deleteVersions', () => {
  it('deletes each by its number', async () => {
    await deleteVersions(lambda, [
      { functionName: NAME, version: '8' },
      { functionName: NAME, version: '10' },
    ])
    expect(api.commandCalls(DeleteFunctionCommand).map(({ args }) => args[0].input)).toEqual([
      { FunctionName: NAME, Qualifier: '8' },
      { FunctionName: NAME, Qualifier: '10' },
    ])
  })

  it.each(['', '$LATEST', '0'])(
    'never deletes a function itself, by the version “%s”',
    async (version) => {
      await expect(deleteVersions(lambda, [{ functionName: NAME, version }])).rejects.toThrow(
        'a published version has a number',
      )
      expect(api.commandCalls(DeleteFunctionCommand)).toEqual([])
    },
  )

  it('stops at what Lambda refuses', async () => {
    api.on(DeleteFunctionCommand).rejects(new Error('an alias means it'))
    const outdated = ['8', '9'].map((version) => ({ functionName: NAME, version }))
    await expect(deleteVersions(lambda, outdated)).rejects.toThrow('an alias means it')
    expect(api.commandCalls(DeleteFunctionCommand)).toHaveLength(1)
  })
})
