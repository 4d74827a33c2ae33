import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Job } from '@aws-sdk/client-mediaconvert'
import {
  DescribeExecutionCommand,
  DescribeStateMachineCommand,
  GetExecutionHistoryCommand,
  ListExecutionsCommand,
  ListStateMachinesCommand,
  SendTaskFailureCommand,
  SendTaskHeartbeatCommand,
  SendTaskSuccessCommand,
  SFNClient,
  StartExecutionCommand,
  StopExecutionCommand,
} from '@aws-sdk/client-sfn'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { eventually } from '../../tests/support/eventually.ts'
import type { Definition, State } from './definition.ts'
import type { StateMachineInput } from './machine.ts'
import type { InvokeLambda, JobPort } from './ports.ts'
import { startStepFunctions } from './server.ts'

// Every test starts a server on a folder of its own and speaks to it with the official client.

let folder: string
const closers: (() => Promise<unknown> | unknown)[] = []

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sfn-'))
})
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
  await rm(folder, { recursive: true, force: true })
})

const MACHINE_ARN = 'arn:aws:states:us-east-1:000000000000:stateMachine:flow'
const lambdaArn = (name: string) => `arn:aws:lambda:us-east-1:000000000000:function:${name}`
const task = (name: string, more: object = {}): State => ({
  Type: 'Task',
  Resource: lambdaArn(name),
  ...more,
})
const machine = (StartAt: string, States: Record<string, object>): StateMachineInput[] => [
  { name: 'flow', arn: MACHINE_ARN, definition: { StartAt, States } as unknown as Definition },
]

const noJobs: JobPort = {
  createJob: () => Promise.reject(new Error('no MediaConvert in this test')),
  waitForJob: () => Promise.reject(new Error('no MediaConvert in this test')),
  cancelJob: () => Promise.resolve(),
}

type Functions = Record<string, (payload: never) => unknown>

/** Functions by name; one that throws answers as Lambda does. */
const lambda =
  (functions: Functions, calls: string[] = []): InvokeLambda =>
  async (functionArn, payload) => {
    const name = functionArn.split(':').at(-1) ?? functionArn
    calls.push(name)
    const run = functions[name]
    if (run === undefined) {
      throw Object.assign(new Error(`Function not found: ${name}`), {
        name: 'ResourceNotFoundException',
      })
    }
    try {
      return { payload: await run(payload as never) }
    } catch (error) {
      const { name: errorType, message: errorMessage } = error as Error
      return { payload: { errorType, errorMessage }, functionError: 'Unhandled' }
    }
  }

const named = (name: string, message = name) => Object.assign(new Error(message), { name })

async function serve(
  stateMachines: StateMachineInput[],
  invokeLambda: InvokeLambda,
  jobs: JobPort = noJobs,
): Promise<SFNClient> {
  const server = await startStepFunctions({
    dataDir: folder,
    port: 0,
    stateMachines,
    invokeLambda,
    mediaConvert: jobs,
  })
  closers.push(server.close)
  return clientOf(server.url)
}

const clientOf = (endpoint: string) =>
  new SFNClient({
    endpoint,
    region: 'us-east-1',
    maxAttempts: 1,
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
  })

const start = (client: SFNClient, input: unknown = {}, name?: string) =>
  client
    .send(
      new StartExecutionCommand({
        stateMachineArn: MACHINE_ARN,
        input: JSON.stringify(input),
        ...(name === undefined ? {} : { name }),
      }),
    )
    .then(({ executionArn }) => String(executionArn))

async function ended(client: SFNClient, executionArn: string) {
  for (;;) {
    const execution = await client.send(new DescribeExecutionCommand({ executionArn }))
    if (execution.status !== 'RUNNING') return execution
    await delay(10)
  }
}

const run = async (client: SFNClient, input: unknown = {}) =>
  ended(client, await start(client, input))
const outputOf = ({ output }: { output?: string | undefined }) => JSON.parse(String(output))

describe('StartExecution', () => {
  const echo = machine('Echo', { Echo: task('echo', { End: true }) })

  it('gives one execution to every start of one name and input while it runs, and refuses the rest', async () => {
    const gate = Promise.withResolvers<void>()
    const calls: string[] = []
    const client = await serve(echo, lambda({ echo: () => gate.promise }, calls))
    const arns = await Promise.all(Array.from({ length: 20 }, () => start(client, { a: 1 }, 'one')))
    expect(new Set(arns).size).toBe(1)
    await expect(start(client, { a: 2 }, 'one')).rejects.toMatchObject({
      name: 'ExecutionAlreadyExists',
    })
    gate.resolve()
    await ended(client, String(arns[0]))
    await expect(start(client, { a: 1 }, 'one')).rejects.toMatchObject({
      name: 'ExecutionAlreadyExists',
    })
    expect(calls).toEqual(['echo'])
  })

  it.each([
    ['StateMachineDoesNotExist', { stateMachineArn: `${MACHINE_ARN}x`, input: '{}' }],
    ['InvalidExecutionInput', { stateMachineArn: MACHINE_ARN, input: '{' }],
    ['InvalidName', { stateMachineArn: MACHINE_ARN, name: '../../etc', input: '{}' }],
    ['ValidationException', { stateMachineArn: MACHINE_ARN, input: `"${'x'.repeat(262_143)}"` }],
  ])('refuses with %s', async (name, input) => {
    const client = await serve(echo, lambda({ echo: () => null }))
    await expect(client.send(new StartExecutionCommand(input))).rejects.toMatchObject({ name })
  })

  it('lists executions in pages, newest first, filtered by status', async () => {
    const client = await serve(echo, lambda({ echo: (n: number) => n }))
    const arns: string[] = []
    for (const n of [1, 2, 3]) arns.push(await start(client, n))
    await Promise.all(arns.map((arn) => ended(client, arn)))
    const list = (more: object) =>
      client.send(new ListExecutionsCommand({ stateMachineArn: MACHINE_ARN, ...more }))
    const first = await list({ maxResults: 2, statusFilter: 'SUCCEEDED' })
    const second = await list({ maxResults: 2, nextToken: first.nextToken })
    const seen = [...(first.executions ?? []), ...(second.executions ?? [])]
    expect(first.executions).toHaveLength(2)
    expect(seen.map(({ executionArn }) => executionArn).sort()).toEqual([...arns].sort())
    expect(second.nextToken).toBeUndefined()
    expect((await list({ statusFilter: 'FAILED' })).executions).toEqual([])
  })

  it('runs 50 at a time and the others after them', async () => {
    let running = 0
    let most = 0
    const client = await serve(
      echo,
      lambda({
        async echo() {
          most = Math.max(most, ++running)
          await delay(5)
          running--
        },
      }),
    )
    const arns = await Promise.all(Array.from({ length: 120 }, () => start(client)))
    const all = await Promise.all(arns.map((arn) => ended(client, arn)))
    expect(all.every(({ status }) => status === 'SUCCEEDED')).toBe(true)
    expect(most).toBeLessThanOrEqual(50)
  })

  it('never shows an end without what it brought, however closely it is watched', async () => {
    const gates: (() => void)[] = []
    const client = await serve(
      echo,
      lambda({ echo: () => new Promise<void>((open) => gates.push(open)) }),
    )
    // A long journal, so that many a look falls into the time that it takes to read.
    const arns = await Promise.all(
      Array.from({ length: 3 }, () => start(client, 'x'.repeat(100_000))),
    )
    await eventually(() => expect(gates).toHaveLength(arns.length))
    for (const open of gates) open()
    const looks = Array.from({ length: 10 }, () => arns).flat()
    const seen = await Promise.all(
      looks.map((executionArn) => client.send(new DescribeExecutionCommand({ executionArn }))),
    )
    for (const { status, output } of seen)
      expect({ status, output }).toEqual(
        status === 'RUNNING' ? { status } : { status: 'SUCCEEDED', output: 'null' },
      )
    await Promise.all(arns.map((arn) => ended(client, arn)))
  })

  it('refuses a request without a signature', async () => {
    const server = await startStepFunctions({
      dataDir: folder,
      port: 0,
      stateMachines: echo,
      invokeLambda: lambda({}),
      mediaConvert: noJobs,
    })
    closers.push(server.close)
    const headers = { 'x-amz-target': 'AWSStepFunctions.ListStateMachines' }
    const response = await fetch(server.url, { method: 'POST', headers, body: '{}' })
    expect(response.status).toBe(403)
  })
})

describe('a machine', () => {
  it('goes through Pass, Choice, Wait, Parallel and Map as AWS does', async () => {
    const states = {
      Prepare: {
        Type: 'Pass',
        Parameters: {
          'items.$': '$.items',
          'name.$': '$$.Execution.Name',
          'id.$': "States.Format('{}/{}', $$.StateMachine.Name, $$.Execution.Name)",
        },
        Next: 'AnyItems',
      },
      AnyItems: {
        Type: 'Choice',
        Choices: [{ Variable: '$.missing', IsPresent: false, Next: 'Pause' }],
        Default: 'Wrong',
      },
      Wrong: { Type: 'Fail', Error: 'Wrong', Cause: 'took the wrong way' },
      Pause: { Type: 'Wait', SecondsPath: '$.items[0]', Next: 'Both' },
      Both: {
        Type: 'Parallel',
        Branches: [
          {
            StartAt: 'Doubled',
            States: {
              Doubled: {
                Type: 'Map',
                ItemsPath: '$.items',
                ItemSelector: { 'n.$': '$$.Map.Item.Value', 'index.$': '$$.Map.Item.Index' },
                ItemProcessor: {
                  StartAt: 'Double',
                  States: { Double: task('double', { End: true }) },
                },
                End: true,
              },
            },
          },
          {
            StartAt: 'Named',
            States: { Named: { Type: 'Pass', InputPath: '$.id', End: true } },
          },
        ],
        ResultSelector: { 'doubled.$': '$[0]', 'id.$': '$[1]' },
        ResultPath: '$.result',
        OutputPath: '$.result',
        End: true,
      },
    }
    const functions = { double: ({ n, index }: { n: number; index: number }) => n * 2 + index }
    const client = await serve(machine('Prepare', states), lambda(functions))
    const execution = await run(client, { items: [0, 5, 7] })
    expect(outputOf(execution)).toEqual({ doubled: [0, 11, 16], id: `flow/${execution.name}` })
  })

  it('calls lambda:invoke with its payload and gives the result in AWS’s shape', async () => {
    const states = {
      Call: {
        Type: 'Task',
        Resource: 'arn:aws:states:::lambda:invoke',
        Parameters: { FunctionName: lambdaArn('add'), Payload: { 'a.$': '$.a', b: 2 } },
        ResultPath: '$.sum',
        End: true,
      },
    }
    const client = await serve(
      machine('Call', states),
      lambda({ add: ({ a, b }: { a: number; b: number }) => a + b }),
    )
    const output = outputOf(await run(client, { a: 1 }))
    expect(output).toEqual({
      a: 1,
      sum: { ExecutedVersion: '$LATEST', Payload: 3, StatusCode: 200 },
    })
  })

  it('retries the named errors only, with their pauses, and catches what is left', async () => {
    const calls: string[] = []
    const states = {
      Work: task('work', {
        Retry: [
          { ErrorEquals: ['Throttled'], IntervalSeconds: 1, BackoffRate: 1, MaxAttempts: 2 },
          { ErrorEquals: ['Never'], MaxAttempts: 5 },
        ],
        Catch: [{ ErrorEquals: ['States.TaskFailed'], ResultPath: '$.failure', Next: 'Caught' }],
        End: true,
      }),
      Caught: { Type: 'Pass', End: true },
    }
    const throttled = () => Promise.reject(named('Throttled', 'later'))
    const client = await serve(machine('Work', states), lambda({ work: throttled }, calls))
    const startedAt = Date.now()
    const output = outputOf(await run(client, { id: 7 }))
    expect(Date.now() - startedAt).toBeGreaterThanOrEqual(2_000)
    expect(calls).toEqual(['work', 'work', 'work'])
    expect(output).toEqual({
      id: 7,
      failure: { Error: 'Throttled', Cause: '{"errorType":"Throttled","errorMessage":"later"}' },
    })
  })

  it('times a task out as States.Timeout, which States.TaskFailed does not match', async () => {
    const states = {
      Slow: task('slow', {
        TimeoutSeconds: 1,
        Catch: [
          { ErrorEquals: ['States.TaskFailed'], Next: 'Wrong' },
          { ErrorEquals: ['States.Timeout'], Next: 'Right' },
        ],
        End: true,
      }),
      Wrong: { Type: 'Fail' },
      Right: { Type: 'Pass', Result: { caught: true }, End: true },
    }
    const client = await serve(
      machine('Slow', states),
      lambda({ slow: () => delay(60_000, null, { ref: false }) }),
    )
    expect(outputOf(await run(client))).toEqual({ caught: true })
  })

  it('lets nothing catch a result above 256 KB', async () => {
    const states = {
      Big: task('big', { Catch: [{ ErrorEquals: ['States.ALL'], Next: 'Caught' }], End: true }),
      Caught: { Type: 'Pass', End: true },
    }
    const client = await serve(machine('Big', states), lambda({ big: () => 'x'.repeat(262_144) }))
    expect(await run(client)).toMatchObject({ status: 'FAILED', error: 'States.DataLimitExceeded' })
  })

  it('ends the other branches when one fails', async () => {
    const calls: string[] = []
    const states = {
      Both: {
        Type: 'Parallel',
        Branches: [
          { StartAt: 'Bad', States: { Bad: task('bad', { End: true }) } },
          {
            StartAt: 'Again',
            States: {
              Again: task('again', {
                Retry: [{ ErrorEquals: ['States.ALL'], IntervalSeconds: 1, MaxAttempts: 9 }],
                End: true,
              }),
            },
          },
        ],
        Catch: [{ ErrorEquals: ['Bad'], Next: 'After' }],
        End: true,
      },
      After: { Type: 'Wait', Seconds: 2, End: true },
    }
    const functions = {
      bad: () => delay(100).then(() => Promise.reject(named('Bad'))),
      again: () => Promise.reject(named('Again')),
    }
    const client = await serve(machine('Both', states), lambda(functions, calls))
    expect((await run(client)).status).toBe('SUCCEEDED')
    expect(calls.filter((name) => name === 'again')).toHaveLength(1)
  })

  it('stops on request, says why, and calls nothing more', async () => {
    const calls: string[] = []
    const states = {
      Nap: { Type: 'Wait', Seconds: 3_600, Next: 'Work' },
      Work: task('work', { End: true }),
    }
    const client = await serve(machine('Nap', states), lambda({ work: () => null }, calls))
    const executionArn = await start(client)
    await client.send(
      new StopExecutionCommand({ executionArn, error: 'Canceled', cause: 'by hand' }),
    )
    const execution = await client.send(new DescribeExecutionCommand({ executionArn }))
    expect(execution).toMatchObject({ status: 'ABORTED', error: 'Canceled', cause: 'by hand' })
    expect(calls).toEqual([])
  })

  it('keeps the time limit of the whole machine', async () => {
    const [{ definition, ...rest }] = machine('Nap', {
      Nap: { Type: 'Wait', Seconds: 60, End: true },
    }) as [StateMachineInput]
    const client = await serve(
      [{ ...rest, definition: { ...definition, TimeoutSeconds: 1 } }],
      lambda({}),
    )
    expect((await run(client)).status).toBe('TIMED_OUT')
  })

  it('tells its history in order, in pages', async () => {
    const states = { One: task('echo', { Next: 'Two' }), Two: { Type: 'Succeed' } }
    const client = await serve(machine('One', states), lambda({ echo: () => 1 }))
    const { executionArn } = await run(client)
    const types: (string | undefined)[] = []
    let nextToken: string | undefined
    do {
      const page = await client.send(
        new GetExecutionHistoryCommand({ executionArn, maxResults: 3, nextToken }),
      )
      types.push(...(page.events ?? []).map(({ type }) => type))
      nextToken = page.nextToken
    } while (nextToken !== undefined)
    expect(types).toEqual([
      'ExecutionStarted',
      'TaskStateEntered',
      'LambdaFunctionScheduled',
      'LambdaFunctionSucceeded',
      'TaskStateExited',
      'SucceedStateEntered',
      'SucceedStateExited',
      'ExecutionSucceeded',
    ])
  })

  it('is listed and described with the definition that was deployed', async () => {
    const deployed = machine('One', { One: task('echo', { End: true }) })
    const client = await serve(deployed, lambda({}))
    const { stateMachines } = await client.send(new ListStateMachinesCommand({}))
    expect(stateMachines?.map(({ name }) => name)).toEqual(['flow'])
    const described = await client.send(
      new DescribeStateMachineCommand({ stateMachineArn: MACHINE_ARN }),
    )
    expect(JSON.parse(String(described.definition))).toEqual(deployed[0]?.definition)
  })

  it.each<[string, State]>([
    [
      'Resource arn:aws:states:::sqs:sendMessage',
      { Type: 'Task', Resource: 'arn:aws:states:::sqs:sendMessage', End: true },
    ],
    ['States.UUID(', { Type: 'Pass', Parameters: { 'id.$': 'States.UUID()' }, End: true }],
    ['TimeoutSecondsPath', task('work', { TimeoutSecondsPath: '$.limit', End: true })],
  ])('is refused at start if it needs %s', async (reason, state) => {
    await expect(serve(machine('One', { One: state }), lambda({}))).rejects.toThrow(reason)
  })
})

describe('waitForTaskToken', () => {
  const states = {
    Ask: {
      Type: 'Task',
      Resource: 'arn:aws:states:::lambda:invoke.waitForTaskToken',
      Parameters: { FunctionName: 'ask', Payload: { 'token.$': '$$.Task.Token' } },
      HeartbeatSeconds: 2,
      End: true,
    },
  }
  const asked = () => {
    const { promise, resolve } = Promise.withResolvers<string>()
    return { promise, functions: { ask: ({ token }: { token: string }) => resolve(token) } }
  }

  it('goes on with what SendTaskSuccess brings, once', async () => {
    const { promise, functions } = asked()
    const client = await serve(machine('Ask', states), lambda(functions))
    const executionArn = await start(client)
    const taskToken = await promise
    await client.send(new SendTaskHeartbeatCommand({ taskToken }))
    await client.send(new SendTaskSuccessCommand({ taskToken, output: '{"signed":true}' }))
    expect(outputOf(await ended(client, executionArn))).toEqual({ signed: true })
    const again = client.send(new SendTaskSuccessCommand({ taskToken, output: '{}' }))
    await expect(again).rejects.toMatchObject({ name: 'TaskTimedOut' })
  })

  it('fails with what SendTaskFailure says', async () => {
    const { promise, functions } = asked()
    const client = await serve(machine('Ask', states), lambda(functions))
    const executionArn = await start(client)
    await client.send(
      new SendTaskFailureCommand({ taskToken: await promise, error: 'Refused', cause: 'no' }),
    )
    expect(await ended(client, executionArn)).toMatchObject({ error: 'Refused', cause: 'no' })
  })

  it('fails without a heartbeat', async () => {
    const client = await serve(machine('Ask', states), lambda(asked().functions))
    expect(await run(client)).toMatchObject({ status: 'FAILED', error: 'States.HeartbeatTimeout' })
  })
})

describe('createJob.sync', () => {
  const states = {
    Encode: {
      Type: 'Task',
      Resource: 'arn:aws:states:::mediaconvert:createJob.sync',
      Parameters: {
        Role: 'arn:aws:iam::000000000000:role/x',
        UserMetadata: { 'asset.$': '$.asset' },
      },
      ResultSelector: { 'id.$': '$.Job.Id' },
      End: true,
    },
  }

  it('waits for the job and gives it as the result', async () => {
    const jobs: JobPort = {
      ...noJobs,
      createJob: async ({ UserMetadata }) => ({ Id: `job-${UserMetadata?.asset}` }) as Job,
      waitForJob: async (id) => ({ Id: id, Status: 'COMPLETE' }) as Job,
    }
    const client = await serve(machine('Encode', states), lambda({}), jobs)
    expect(outputOf(await run(client, { asset: 'a1' }))).toEqual({ id: 'job-a1' })
  })

  it('fails with the job’s own words', async () => {
    const failed = { Id: 'j', Status: 'ERROR', ErrorCode: 1010, ErrorMessage: 'no video' } as Job
    const jobs = { ...noJobs, createJob: async () => failed, waitForJob: async () => failed }
    const client = await serve(machine('Encode', states), lambda({}), jobs)
    const execution = await run(client, { asset: 'a' })
    expect(execution.error).toBe('States.TaskFailed')
    expect(JSON.parse(String(execution.cause)).Job.ErrorMessage).toBe('no video')
  })

  it('cancels the job when the execution is stopped, and leaves it when the server closes', async () => {
    const cancelled: string[] = []
    let created = 0
    const jobs: JobPort = {
      createJob: async () => ({ Id: `job-${++created}` }) as Job,
      waitForJob: (id, signal) =>
        cancelled.includes('finish')
          ? Promise.resolve({ Id: id, Status: 'COMPLETE' } as Job)
          : new Promise((_, reject) =>
              signal.addEventListener('abort', () => reject(new Error('aborted'))),
            ),
      cancelJob: async (id) => void cancelled.push(id),
    }
    const first = await startStepFunctions({
      dataDir: folder,
      port: 0,
      stateMachines: machine('Encode', states),
      invokeLambda: lambda({}),
      mediaConvert: jobs,
    })
    const client = clientOf(first.url)
    const stopped = await start(client, { asset: 1 })
    const left = await start(client, { asset: 2 })
    while (created < 2) await delay(5)
    await client.send(new StopExecutionCommand({ executionArn: stopped }))
    await first.close()
    expect(cancelled).toEqual(['job-1'])
    cancelled.push('finish')
    const again = await serve(machine('Encode', states), lambda({}), jobs)
    expect(outputOf(await ended(again, left))).toEqual({ id: 'job-2' })
    expect(created).toBe(2)
  })
})

describe('after kill -9', () => {
  const settingsFor = (stateMachines: StateMachineInput[], slowMs: number) => ({
    dataDir: join(folder, 'data'),
    callsPath: join(folder, 'calls'),
    stateMachines,
    mediaConvert: 'http://127.0.0.1:1',
    slowMs,
  })

  async function host(settings: object): Promise<{ client: SFNClient; child: ChildProcess }> {
    const path = join(folder, 'settings.json')
    await writeFile(path, JSON.stringify(settings))
    const script = join(import.meta.dirname, 'fixtures/host.ts')
    const child = spawn(process.execPath, [script, path], { stdio: ['ignore', 'pipe', 'inherit'] })
    closers.push(() => killed(child))
    const url = await new Promise<string>((resolve) =>
      child.stdout?.once('data', (chunk: Buffer) => resolve(String(chunk).trim())),
    )
    return { client: clientOf(url), child }
  }

  const killed = (child: ChildProcess) =>
    new Promise<void>((resolve) => {
      if (child.exitCode !== null || child.signalCode !== null) return resolve()
      child.once('exit', () => resolve())
      child.kill('SIGKILL')
    })

  const calls = async () => {
    const text = await readFile(join(folder, 'calls'), 'utf8').catch(() => '')
    return text.split('\n').filter((line) => line !== '')
  }

  const flow = machine('A', {
    A: task('a', { ResultPath: '$.a', Next: 'Each' }),
    Each: {
      Type: 'Map',
      ItemsPath: '$.items',
      ItemProcessor: { StartAt: 'B', States: { B: task('b', { End: true }) } },
      ResultPath: '$.b',
      Next: 'Pause',
    },
    Pause: { Type: 'Wait', Seconds: 1, Next: 'C' },
    C: task('slow-c', { ResultPath: '$.c', Next: 'D' }),
    D: task('d', { ResultPath: '$.d', End: true }),
  })

  it('goes on where it was: every finished step ran once, the one in flight runs again', async () => {
    const settings = settingsFor(flow, 60_000)
    const first = await host(settings)
    const executionArn = await start(first.client, { items: [1, 1, 2] }, 'survivor')
    while (!(await calls()).includes('slow-c')) await delay(10)
    await killed(first.child)
    const second = await host({ ...settings, slowMs: 0 })
    const resumedAt = Date.now()
    const execution = await ended(second.client, executionArn)
    expect(execution.status).toBe('SUCCEEDED')
    expect(await calls()).toEqual(['a', 'b', 'b', 'b', 'slow-c', 'slow-c', 'd'])
    // The Wait was over before the crash: it does not count anew.
    expect(Date.now() - resumedAt).toBeLessThan(900)
    const output = outputOf(execution)
    expect(output.a).toEqual({ from: 'a', payload: { items: [1, 1, 2] } })
    expect(output.b.map(({ payload }: { payload: number }) => payload)).toEqual([1, 1, 2])
    const { events } = await second.client.send(
      new GetExecutionHistoryCommand({ executionArn, maxResults: 1_000 }),
    )
    const ids = events?.map(({ id }) => id) ?? []
    expect(ids).toEqual(ids.map((_, index) => index + 1))
    expect(events?.filter(({ type }) => type === 'ExecutionStarted')).toHaveLength(1)
  })

  it('goes on after a last line that was cut off', async () => {
    const settings = settingsFor(flow, 60_000)
    const first = await host(settings)
    const executionArn = await start(first.client, { items: [] }, 'torn')
    while (!(await calls()).includes('slow-c')) await delay(10)
    await killed(first.child)
    const path = join(folder, 'data/flow/torn.jsonl')
    await writeFile(path, '0badc0de {"kind":"succee', { flag: 'a' })
    const second = await host({ ...settings, slowMs: 0 })
    expect((await ended(second.client, executionArn)).status).toBe('SUCCEEDED')
  })

  it('fails an execution whose journal is damaged, says so, and keeps the damaged file', async () => {
    const settings = settingsFor(flow, 60_000)
    const first = await host(settings)
    const executionArn = await start(first.client, { items: [] }, 'damaged')
    while (!(await calls()).includes('slow-c')) await delay(10)
    await killed(first.child)
    const path = join(folder, 'data/flow/damaged.jsonl')
    const text = await readFile(path, 'utf8')
    await writeFile(path, text.replace('"attempt":0', '"attempt":1'))
    const second = await host({ ...settings, slowMs: 0 })
    const execution = await second.client.send(new DescribeExecutionCommand({ executionArn }))
    expect(execution).toMatchObject({ status: 'FAILED', error: 'States.Runtime' })
    expect(execution.cause).toMatch(/journal of this execution is damaged: line \d+ does not read/)
    expect(await readdir(join(folder, 'data/flow'))).toContain('damaged.jsonl.damaged')
    expect((await calls()).filter((name) => name === 'slow-c')).toHaveLength(1)
  })

  it('fails an execution whose machine is gone', async () => {
    const settings = settingsFor(flow, 60_000)
    const first = await host(settings)
    const executionArn = await start(first.client, { items: [] }, 'homeless')
    while (!(await calls()).includes('slow-c')) await delay(10)
    await killed(first.child)
    const second = await host({ ...settings, stateMachines: [] })
    const execution = await second.client.send(new DescribeExecutionCommand({ executionArn }))
    expect(execution).toMatchObject({
      status: 'FAILED',
      cause: 'Its state machine is no longer deployed.',
    })
  })
})
