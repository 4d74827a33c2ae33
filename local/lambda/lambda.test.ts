import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from '@jest/globals'
import { eventually } from '../../tests/support/eventually.ts'
import { sampleFunction, sampleLambda } from './fixtures/lambda.ts'
import type { Lambda } from './lambda.ts'

const call = async (lambda: Lambda, name: string, event: unknown = {}) => {
  const invoked = await lambda.invoke(name, JSON.stringify(event))
  return { ...invoked, body: JSON.parse(invoked.payload) }
}

/** Until a condition holds. */
const until = (condition: () => boolean) => eventually(() => expect(condition()).toBe(true))

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

describe('an invocation', () => {
  it('hands the handler its event and Lambda’s context', async () => {
    await using lambda = sampleLambda([sampleFunction('echo')])
    const { body, requestId } = await call(lambda, 'echo', { a: [1, 'ü'] })
    expect(requestId).toMatch(UUID)
    expect(body).toMatchObject({
      event: { a: [1, 'ü'] },
      context: {
        callbackWaitsForEmptyEventLoop: true,
        functionName: 'echo',
        functionVersion: '$LATEST',
        invokedFunctionArn: 'arn:aws:lambda:us-east-1:123456789012:function:echo',
        memoryLimitInMB: '128',
        awsRequestId: requestId,
        logGroupName: '/aws/lambda/echo',
        logStreamName: expect.stringMatching(/^\d{4}\/\d\d\/\d\d\/\[\$LATEST\][0-9a-f]{32}$/),
      },
    })
    expect(body.context.remainingMs).toBeGreaterThan(9_000)
    expect(body.context.remainingMs).toBeLessThanOrEqual(10_000)
  })

  it('answers null where the handler gives nothing', async () => {
    await using lambda = sampleLambda([sampleFunction('nothing')])
    expect((await lambda.invoke('nothing', '{}')).payload).toBe('null')
  })

  it('finds the function by ARN, partial ARN and alias', async () => {
    await using lambda = sampleLambda([sampleFunction('echo')])
    for (const name of [sampleFunction('echo').arn, 'function:echo', 'echo:live']) {
      expect((await call(lambda, name)).statusCode).toBe(200)
    }
  })

  it('refuses an unknown function, a payload that is no JSON, and one above 6 MB', async () => {
    await using lambda = sampleLambda([sampleFunction('echo')])
    await expect(lambda.invoke('gone', '{}')).rejects.toMatchObject({
      type: 'ResourceNotFoundException',
      status: 404,
    })
    await expect(lambda.invoke('echo', '{')).rejects.toMatchObject({
      type: 'InvalidRequestContentException',
      status: 400,
    })
    const tooLarge = JSON.stringify('x'.repeat(6 * 1_024 * 1_024 + 99))
    await expect(lambda.invoke('echo', tooLarge)).rejects.toMatchObject({
      type: 'RequestTooLargeException',
      status: 413,
    })
  })
})

describe('an execution environment', () => {
  it('keeps its module state between invocations and counts one cold start', async () => {
    await using lambda = sampleLambda([sampleFunction('echo')])
    expect((await call(lambda, 'echo')).body.call).toBe(1)
    expect((await call(lambda, 'echo')).body.call).toBe(2)
    expect(lambda.stats().functions.echo).toMatchObject({
      coldStarts: 1,
      invocations: 2,
      environments: 1,
    })
  })

  it('starts at the first invocation, not before', async () => {
    await using lambda = sampleLambda([sampleFunction('echo')])
    expect(lambda.stats().functions.echo).toMatchObject({ coldStarts: 0, environments: 0 })
  })

  it('sees its own variables only, with Lambda’s above the function’s above the base', async () => {
    process.env.HOST_SECRET = 'of the host'
    const called = sampleFunction('environment', {
      environment: { OWN: 'own', AWS_REGION: 'mars', SHARED: 'mine' },
    })
    await using lambda = sampleLambda([called], { region: 'eu-central-1' })
    const invoked = await lambda.invoke('environment', '{}', { traceId: 'Root=1-a-b;Sampled=1' })
    const seen = JSON.parse(invoked.payload)
    expect(seen).toMatchObject({
      OWN: 'own',
      SHARED: 'mine',
      AWS_REGION: 'eu-central-1',
      AWS_LAMBDA_FUNCTION_NAME: 'environment',
      AWS_LAMBDA_FUNCTION_MEMORY_SIZE: '128',
      AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs24.x',
      LAMBDA_TASK_ROOT: expect.stringContaining('fixtures/code'),
      _HANDLER: 'sample.environment',
      _X_AMZN_TRACE_ID: 'Root=1-a-b;Sampled=1',
    })
    expect(seen).not.toHaveProperty('HOST_SECRET')
  })

  it('gets the trace of each invocation, and a fresh root where none came', async () => {
    await using lambda = sampleLambda([sampleFunction('environment')])
    const traceOf = async (traceId?: string) =>
      JSON.parse((await lambda.invoke('environment', '{}', { traceId })).payload)._X_AMZN_TRACE_ID
    expect(await traceOf('Root=1-1-1')).toBe('Root=1-1-1')
    expect(await traceOf('Root=1-2-2')).toBe('Root=1-2-2')
    expect(await traceOf()).toMatch(
      /^Root=1-[0-9a-f]{8}-[0-9a-f]{24};Parent=[0-9a-f]{16};Sampled=0$/,
    )
    expect(await traceOf('Self=1')).toMatch(/^Root=1-.*;Self=1$/)
  })

  it('leaks neither objects nor variables to its caller or to another environment', async () => {
    await using lambda = sampleLambda([sampleFunction('mutate'), sampleFunction('environment')])
    const event = { list: ['given'] }
    expect((await call(lambda, 'mutate', event)).body.list).toEqual(['given', 'changed'])
    expect(event.list).toEqual(['given'])
    expect((await call(lambda, 'environment')).body).not.toHaveProperty('LEAK')
    expect(process.env).not.toHaveProperty('LEAK')
  })

  it('takes one invocation at a time: two at once need two environments', async () => {
    await using lambda = sampleLambda([sampleFunction('wait')])
    const both = await Promise.all([
      call(lambda, 'wait', { ms: 50 }),
      call(lambda, 'wait', { ms: 50 }),
    ])
    expect(both.map(({ body }) => body.call)).toEqual([1, 1])
    expect(lambda.stats().functions.wait).toMatchObject({ coldStarts: 2, environments: 2 })
  })

  it('is reaped when idle', async () => {
    await using lambda = sampleLambda([sampleFunction('echo')], { idleMs: 20 })
    await call(lambda, 'echo')
    await until(() => lambda.stats().functions.echo?.environments === 0)
    expect((await call(lambda, 'echo')).body.call).toBe(1)
    expect(lambda.stats().functions.echo?.coldStarts).toBe(2)
  })

  it('hands over what it prints line by line', async () => {
    await using lambda = sampleLambda([sampleFunction('speak')])
    await call(lambda, 'speak')
    await until(() => lambda.lines.length >= 4)
    expect([...lambda.lines].sort()).toEqual([
      'speak: one',
      'speak: three',
      'speak: two',
      'speak: без конца',
    ])
  })
})

describe('a function error', () => {
  it('is reported with type, message and trace, and leaves the environment alive', async () => {
    await using lambda = sampleLambda([sampleFunction('fail')])
    for (const coldStarts of [1, 1]) {
      const { functionError, body } = await call(lambda, 'fail')
      expect(functionError).toBe('Unhandled')
      expect(body).toMatchObject({
        errorType: 'RangeError',
        errorMessage: 'out of range',
        trace: expect.arrayContaining(['RangeError: out of range']),
      })
      expect(lambda.stats().functions.fail?.coldStarts).toBe(coldStarts)
    }
    expect(lambda.stats().functions.fail?.errors).toBe(2)
    expect(lambda.lines[0]).toContain('Invoke Error')
  })

  it('may be any thrown value', async () => {
    await using lambda = sampleLambda([sampleFunction('failText')])
    expect((await call(lambda, 'failText')).body).toEqual({
      errorType: 'string',
      errorMessage: 'just text',
      trace: [],
    })
  })

  it.each([
    [
      'a module that is not there',
      'gone.handler',
      'Runtime.ImportModuleError',
      /Cannot find module 'gone'/,
    ],
    [
      'an import that is not there',
      'missing-import.handler',
      'Runtime.ImportModuleError',
      /a-package-that-is-not-there/,
    ],
    [
      'an export that is not there',
      'sample.gone',
      'Runtime.HandlerNotFound',
      /gone is undefined or not exported/,
    ],
    ['an error while importing', 'throws.handler', 'Error', /no database/],
    ['a callback handler', 'sample.callback', 'Runtime.CallbackHandlerDeprecated', /not supported/],
  ])('is reported for %s', async (_what, handler, errorType, message) => {
    await using lambda = sampleLambda([sampleFunction('broken', { handler })])
    const { functionError, body } = await call(lambda, 'broken')
    expect({ functionError, errorType: body.errorType }).toEqual({
      functionError: 'Unhandled',
      errorType,
    })
    expect(body.errorMessage).toMatch(message)
    expect(lambda.stats().functions.broken?.environments).toBe(0)
  })

  it('is reported for a syntax error', async () => {
    // Written here, because no formatter can read it.
    const folder = await mkdtemp(join(tmpdir(), 'sandbox-'))
    await writeFile(join(folder, 'syntax.mjs'), 'export const handler = async () => { const')
    const functions = [sampleFunction('broken', { handler: 'syntax.handler' })]
    await using lambda = sampleLambda(functions, { codeRoot: folder })
    expect((await call(lambda, 'broken')).body).toMatchObject({
      errorType: 'Runtime.UserCodeSyntaxError',
      errorMessage: expect.stringMatching(/^SyntaxError: /),
    })
    await rm(folder, { recursive: true })
  })

  it.each([
    ['an uncaught exception', 'crash', 'TypeError', /nobody catches me/],
    [
      'an unhandled rejection',
      'rejectLater',
      'Runtime.UnhandledPromiseRejection',
      /nobody awaits me/,
    ],
    [
      'process.exit',
      'exit',
      'Runtime.ExitError',
      /RequestId: [\w-]+ Error: Runtime exited with error: exit status 3/,
    ],
    ['more memory than it has', 'hoard', 'Runtime.ExitError', /signal: killed/],
  ])(
    'kills the environment after %s; the next invocation gets a new one',
    async (_what, name, errorType, message) => {
      await using lambda = sampleLambda([sampleFunction(name)])
      for (const coldStarts of [1, 2]) {
        const { body } = await call(lambda, name)
        expect(body.errorType).toBe(errorType)
        expect(body.errorMessage).toMatch(message)
        expect(lambda.stats().functions[name]).toMatchObject({ coldStarts, environments: 0 })
      }
    },
  )

  it.each(['wait', 'spin'])('ends a handler at its timeout in Lambda’s words: %s', async (name) => {
    await using lambda = sampleLambda([sampleFunction(name, { timeoutSeconds: 0.3 })])
    const { body, requestId, functionError } = await call(lambda, name, { ms: 60_000 })
    expect(functionError).toBe('Unhandled')
    expect(body).toEqual({
      errorType: 'Sandbox.Timedout',
      errorMessage: `RequestId: ${requestId} Error: Task timed out after 0.30 seconds`,
    })
    expect(lambda.stats().functions[name]).toMatchObject({ timeouts: 1, environments: 0 })
    expect(lambda.lines.at(-1)).toMatch(/Z [\w-]+ Task timed out after 0\.30 seconds$/)
  })

  it('refuses an answer above 6 MB and passes one just below', async () => {
    await using lambda = sampleLambda([sampleFunction('big')])
    const bytesMax = 6 * 1_024 * 1_024 + 100
    expect((await lambda.invoke('big', JSON.stringify({ bytes: bytesMax }))).payload).toHaveLength(
      bytesMax,
    )
    expect((await call(lambda, 'big', { bytes: bytesMax + 1 })).body).toEqual({
      errorType: 'Function.ResponseSizeTooLarge',
      errorMessage: 'Response payload size exceeded maximum allowed payload size (6291556 bytes).',
    })
  })
})

describe('throttling', () => {
  it('refuses what exceeds the reserved concurrency', async () => {
    await using lambda = sampleLambda([sampleFunction('wait', { reservedConcurrency: 1 })])
    const first = call(lambda, 'wait', { ms: 100 })
    await expect(call(lambda, 'wait')).rejects.toMatchObject({
      type: 'TooManyRequestsException',
      status: 429,
      reason: 'ReservedFunctionConcurrentInvocationLimitExceeded',
    })
    expect((await first).statusCode).toBe(200)
    expect(lambda.stats().functions.wait).toMatchObject({ throttles: 1, coldStarts: 1, running: 0 })
    expect((await call(lambda, 'wait', { ms: 0 })).statusCode).toBe(200)
  })

  it('refuses everything at a reservation of 0', async () => {
    await using lambda = sampleLambda([sampleFunction('echo', { reservedConcurrency: 0 })])
    await expect(call(lambda, 'echo')).rejects.toMatchObject({ status: 429 })
  })

  it('bounds all functions without a reservation together, and spares the reserved', async () => {
    const functions = [
      sampleFunction('wait'),
      sampleFunction('echo'),
      sampleFunction('nothing', { reservedConcurrency: 1 }),
    ]
    await using lambda = sampleLambda(functions, { unreservedMax: 1 })
    const first = call(lambda, 'wait', { ms: 200 })
    await expect(call(lambda, 'echo')).rejects.toMatchObject({
      reason: 'ConcurrentInvocationLimitExceeded',
    })
    expect((await call(lambda, 'nothing')).statusCode).toBe(200)
    await first
    expect((await call(lambda, 'echo')).statusCode).toBe(200)
  })
})

describe('what is counted', () => {
  it('tells durations, imports and waits apart, and the most that ran at once', async () => {
    await using lambda = sampleLambda([sampleFunction('wait', { reservedConcurrency: 7 })])
    await Promise.all([call(lambda, 'wait', { ms: 60 }), call(lambda, 'wait', { ms: 60 })])
    await call(lambda, 'wait', { ms: 0 })
    const of = lambda.stats().functions.wait
    expect(of).toMatchObject({
      ...{ invocations: 3, running: 0, runningMax: 2, coldStarts: 2 },
      ...{ reserved: 7, provisioned: null },
      durationMs: { count: 3 },
      initMs: { count: 2 },
      waitMs: { count: 3 },
    })
    expect(of?.durationMs?.max).toBeGreaterThanOrEqual(59)
    // Those that met an environment in its import waited for it; the third met a warm one.
    expect(of?.waitMs?.max).toBeGreaterThanOrEqual((of?.initMs?.p50 ?? 0) * 0.9)
    expect(of?.waitMs?.p50).toBeGreaterThan(0)
  })

  it('has no durations before the first invocation, and those of failures too', async () => {
    await using lambda = sampleLambda([sampleFunction('fail'), sampleFunction('echo')])
    await call(lambda, 'fail')
    const { functions } = lambda.stats()
    expect(functions.fail).toMatchObject({ errors: 1, durationMs: { count: 1 } })
    expect(functions.echo).toMatchObject({ durationMs: null, initMs: null, waitMs: null })
  })

  it('shows what the functions without a reservation share', async () => {
    await using lambda = sampleLambda([sampleFunction('wait')], { unreservedMax: 3 })
    const running = call(lambda, 'wait', { ms: 20 })
    expect(lambda.stats().unreserved).toEqual({ running: 1, max: 3 })
    await running
    expect(lambda.stats().unreserved).toEqual({ running: 0, max: 3 })
  })
})

describe('provisioned concurrency', () => {
  const provisioned = sampleFunction('wait', { provisionedConcurrency: 2 })

  it('is warm before the first invocation, which is no cold start', async () => {
    await using lambda = sampleLambda([provisioned], { provisions: true, idleMs: 1 })
    expect(lambda.stats().functions.wait).toMatchObject({ environments: 2, coldStarts: 0 })
    await Promise.all([1, 2, 3].map(() => call(lambda, 'wait', { ms: 30 })))
    expect(lambda.stats().functions.wait).toMatchObject({ coldStarts: 1, provisioned: 2 })
    // The third is reaped when idle; the two stay.
    await until(() => lambda.stats().functions.wait?.environments === 2)
  })

  it('replaces an environment that died', async () => {
    const dying = sampleFunction('exit', { provisionedConcurrency: 1 })
    await using lambda = sampleLambda([dying], { provisions: true })
    await call(lambda, 'exit')
    await until(() => lambda.stats().functions.exit?.environments === 1)
    expect(lambda.stats().functions.exit?.coldStarts).toBe(0)
  })

  it('is not played where it was not asked for', async () => {
    await using lambda = sampleLambda([provisioned])
    expect(lambda.stats().functions.wait).toMatchObject({ environments: 0, provisioned: 2 })
  })
})

describe('the size of the machine', () => {
  it('lets invocations wait for an environment instead of throttling them', async () => {
    await using lambda = sampleLambda([sampleFunction('wait')], { environmentsPerFunctionMax: 2 })
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => call(lambda, 'wait', { ms: 5 })),
    )
    expect(answers.every(({ functionError }) => functionError === undefined)).toBe(true)
    expect(lambda.stats().functions.wait).toMatchObject({
      invocations: 20,
      throttles: 0,
      coldStarts: 2,
      environments: 2,
      running: 0,
    })
  })

  it('starts a new environment for who waits when one dies', async () => {
    await using lambda = sampleLambda([sampleFunction('exit')], { environmentsPerFunctionMax: 1 })
    const answers = await Promise.all([1, 2, 3].map(() => call(lambda, 'exit')))
    expect(answers.map(({ body }) => body.errorType)).toEqual(Array(3).fill('Runtime.ExitError'))
    expect(lambda.stats().functions.exit?.coldStarts).toBe(3)
  })

  it('still throttles at the reservation', async () => {
    const functions = [sampleFunction('wait', { reservedConcurrency: 2 })]
    await using lambda = sampleLambda(functions, { environmentsPerFunctionMax: 1 })
    const accepted = [1, 2].map(() => call(lambda, 'wait', { ms: 5 }))
    await expect(call(lambda, 'wait')).rejects.toMatchObject({ status: 429 })
    expect((await Promise.all(accepted)).map(({ body }) => body.call)).toEqual([1, 2])
  })

  it('refuses those who still wait when it closes', async () => {
    const options = { environmentsPerFunctionMax: 1, graceMs: 10 }
    const lambda = sampleLambda([sampleFunction('spin')], options)
    const both = Promise.allSettled([call(lambda, 'spin'), call(lambda, 'spin')])
    await until(() => lambda.stats().functions.spin?.running === 2)
    await lambda.close()
    expect((await both).map(({ status }) => status)).toEqual(['fulfilled', 'rejected'])
    expect(lambda.stats().functions.spin).toMatchObject({ coldStarts: 1, environments: 0 })
  })

  it('stops the longest idle environment beyond its bound', async () => {
    const functions = ['echo', 'nothing', 'environment'].map((name) => sampleFunction(name))
    await using lambda = sampleLambda(functions, { idleEnvironmentsMax: 2 })
    for (const { name } of functions) {
      await call(lambda, name)
      // Idle times are compared in milliseconds.
      const now = Date.now()
      await until(() => Date.now() > now)
    }
    const alive = Object.entries(lambda.stats().functions).map(([name, one]) => [
      name,
      one.environments,
    ])
    expect(Object.fromEntries(alive)).toEqual({ echo: 0, nothing: 1, environment: 1 })
  })
})

describe('an asynchronous invocation', () => {
  const event = { invocationType: 'Event' } as const

  it('is accepted at once and repeated until it succeeds', async () => {
    await using lambda = sampleLambda([sampleFunction('flaky')], { asyncRetryDelaysMs: [1, 1] })
    expect(await lambda.invoke('flaky', '{}', event)).toMatchObject({
      statusCode: 202,
      payload: '',
    })
    await until(() => lambda.stats().queued === 0)
    expect(lambda.stats().functions.flaky).toMatchObject({ invocations: 3, errors: 2 })
  })

  it('is dropped after two repeats, and says so', async () => {
    await using lambda = sampleLambda([sampleFunction('fail')], { asyncRetryDelaysMs: [1, 1] })
    await lambda.invoke('fail', '{}', event)
    await until(() => lambda.stats().queued === 0)
    expect(lambda.stats().functions.fail).toMatchObject({ invocations: 3, errors: 3 })
    expect(lambda.lines.at(-1)).toContain('Asynchronous event dropped after 3 failures')
  })

  it('waits out a throttle instead of failing', async () => {
    const functions = [sampleFunction('wait', { reservedConcurrency: 1 })]
    await using lambda = sampleLambda(functions, { asyncThrottleDelayMs: 5 })
    for (let n = 0; n < 3; n += 1) await lambda.invoke('wait', '{"ms":20}', event)
    await until(() => lambda.stats().queued === 0)
    expect(lambda.stats().functions.wait).toMatchObject({
      invocations: 3,
      errors: 0,
      coldStarts: 1,
    })
  })

  it('only checks on a dry run', async () => {
    await using lambda = sampleLambda([sampleFunction('fail')])
    const answer = await lambda.invoke('fail', '{}', { invocationType: 'DryRun' })
    expect(answer.statusCode).toBe(204)
    expect(lambda.stats().functions.fail?.invocations).toBe(0)
  })
})

describe('close', () => {
  it('lets a running invocation end, then refuses more', async () => {
    const lambda = sampleLambda([sampleFunction('wait')], { graceMs: 20_000 })
    const running = call(lambda, 'wait', { ms: 100 })
    await until(() => lambda.stats().functions.wait?.running === 1)
    const closed = lambda.close()
    await expect(call(lambda, 'wait')).rejects.toMatchObject({ status: 500 })
    expect((await running).body.waited).toBe(100)
    await closed
    expect(lambda.stats().functions.wait?.environments).toBe(0)
  })

  it('stops what does not end in time', async () => {
    const lambda = sampleLambda([sampleFunction('spin')], { graceMs: 10 })
    const running = call(lambda, 'spin')
    await until(() => lambda.stats().functions.spin?.running === 1)
    await lambda.close()
    expect((await running).functionError).toBe('Unhandled')
  })
})
