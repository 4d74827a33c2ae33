import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { type LambdaApi, startLambdaApi } from './api.ts'
import { sampleFunction, sampleLambda } from './fixtures/lambda.ts'

const lambda = sampleLambda([
  sampleFunction('echo'),
  sampleFunction('environment'),
  sampleFunction('fail'),
  sampleFunction('wait', { reservedConcurrency: 0 }),
])
let api: LambdaApi
let client: LambdaClient

beforeAll(async () => {
  api = await startLambdaApi({ lambda, port: 0 })
  client = new LambdaClient({
    endpoint: api.url,
    region: 'us-east-1',
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
    maxAttempts: 1,
  })
})

afterAll(async () => {
  client.destroy()
  await api.close()
  await lambda.close()
})

const invoke = (
  FunctionName: string,
  Payload = '{}',
  more: { InvocationType?: 'Event' | 'DryRun' } = {},
) => client.send(new InvokeCommand({ FunctionName, Payload, ...more }))

describe('the Invoke API through the official client', () => {
  it('answers a synchronous invocation', async () => {
    const answer = await invoke('echo', '{"a":"ü"}')
    expect(answer).toMatchObject({ StatusCode: 200, ExecutedVersion: '$LATEST' })
    expect(answer.FunctionError).toBeUndefined()
    expect(JSON.parse(answer.Payload?.transformToString() ?? '')).toMatchObject({
      event: { a: 'ü' },
    })
  })

  it('takes an ARN for a name', async () => {
    expect(await invoke(sampleFunction('echo').arn)).toMatchObject({ StatusCode: 200 })
  })

  it('accepts an event with 202 and nothing else', async () => {
    const answer = await invoke('echo', '{}', { InvocationType: 'Event' })
    expect(answer).toMatchObject({ StatusCode: 202 })
    expect(answer.Payload?.length ?? 0).toBe(0)
  })

  it('marks a function error', async () => {
    const answer = await invoke('fail')
    expect(answer).toMatchObject({ StatusCode: 200, FunctionError: 'Unhandled' })
    expect(JSON.parse(answer.Payload?.transformToString() ?? '')).toMatchObject({
      errorType: 'RangeError',
    })
  })

  it.each([{ origin: 'http://evil.example' }, { 'sec-fetch-site': 'cross-site' }])(
    'takes nothing from a page in a browser: %j',
    async (headers) => {
      const url = `${api.url}/2015-03-31/functions/echo/invocations`
      const { status } = await fetch(url, { method: 'POST', headers: headers as never, body: '{}' })
      expect(status).toBe(403)
    },
  )

  it('names an unknown function, a throttle and a bad payload as AWS does', async () => {
    await expect(invoke('gone')).rejects.toMatchObject({
      name: 'ResourceNotFoundException',
      $metadata: { httpStatusCode: 404 },
    })
    await expect(invoke('wait')).rejects.toMatchObject({
      name: 'TooManyRequestsException',
      Reason: 'ReservedFunctionConcurrentInvocationLimitExceeded',
      $metadata: { httpStatusCode: 429 },
    })
    await expect(invoke('echo', '{')).rejects.toMatchObject({
      name: 'InvalidRequestContentException',
    })
  })
})

describe('the Invoke API over plain HTTP', () => {
  it('passes the trace header on', async () => {
    const answer = await fetch(`${api.url}/2015-03-31/functions/environment/invocations`, {
      method: 'POST',
      headers: { 'x-amzn-trace-id': 'Root=1-5bdb40ca-556d8b0c50dc66f0511bf520' },
    })
    expect(await answer.json()).toMatchObject({
      _X_AMZN_TRACE_ID: 'Root=1-5bdb40ca-556d8b0c50dc66f0511bf520',
    })
  })

  it('refuses other operations, invocation types and bodies above 6 MB', async () => {
    expect((await fetch(`${api.url}/2015-03-31/functions`)).status).toBe(404)
    const url = `${api.url}/2015-03-31/functions/echo/invocations`
    const headers = { 'x-amz-invocation-type': 'Sometimes' }
    expect((await fetch(url, { method: 'POST', headers })).status).toBe(400)
    const body = JSON.stringify('x'.repeat(7 * 1_024 * 1_024))
    expect((await fetch(url, { method: 'POST', body })).status).toBe(413)
  })
})
