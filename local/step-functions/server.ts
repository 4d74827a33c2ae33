import { randomUUID } from 'node:crypto'
import * as z from 'zod'
import { type Clock, systemClock } from '../../shared/kernel/time.ts'
import { type Answer, listen } from './aws-http.ts'
import { checkedInput, type Details, Engine, type Summary } from './engine.ts'
import { ServiceException } from './errors.ts'
import { loadMachine, type StateMachineInput } from './machine.ts'
import { type InvokeLambda, type JobPort, jobPort } from './ports.ts'

export type StepFunctionsOptions = {
  /** Where the journals live; created if absent. One server at a time may own it. */
  readonly dataDir: string
  /** 0 takes any free port. */
  readonly port: number
  readonly stateMachines: readonly StateMachineInput[]
  readonly invokeLambda: InvokeLambda
  /** MediaConvert's endpoint, or the port to it. */
  readonly mediaConvert: string | JobPort
  readonly clock?: Clock
}

export type StepFunctions = { readonly url: string; readonly close: () => Promise<void> }

/**
 * AWS Step Functions on one machine: the JSON protocol that `@aws-sdk/client-sfn` speaks, over
 * executions that survive `kill -9`. A task that was in flight then runs again.
 *
 * `close` leaves unfinished executions to the next start with the same `dataDir`.
 *
 * @throws if a definition is invalid or uses what cannot be played here.
 */
export async function startStepFunctions(options: StepFunctionsOptions): Promise<StepFunctions> {
  const { dataDir, mediaConvert, invokeLambda, clock = systemClock } = options
  const machines = options.stateMachines.map(loadMachine)
  const jobs = typeof mediaConvert === 'string' ? jobPort(mediaConvert) : mediaConvert
  const engine = new Engine({ dataDir, machines, invokeLambda, jobs, clock })
  const startedAt = clock()
  // Listening comes first: a port in use must not start anything.
  const ready = Promise.withResolvers<void>()
  const http = await listen(options.port, 'application/x-amz-json-1.0', async (request, body) => {
    await ready.promise
    return answer(engine, startedAt, String(request.headers['x-amz-target']), body)
  })
  try {
    await engine.resume()
    ready.resolve()
  } catch (error) {
    await http.close()
    throw error
  }
  return {
    url: http.url,
    async close() {
      await engine.close()
      await http.close()
    },
  }
}

const PAGE_MAX = 1_000
const PAGE_DEFAULT = 100

const arn = z.string().min(1).max(256)
// AWS's own rule: no whitespace, brackets, wildcards, or characters that are special in paths.
const name = z.string().regex(/^[A-Za-z0-9_.+!@()='-]{1,80}$/, 'is not a valid execution name')
const page = {
  maxResults: z.int().min(0).max(PAGE_MAX).optional(),
  nextToken: z.string().max(3_096).optional(),
}
const status = z.enum(['RUNNING', 'SUCCEEDED', 'FAILED', 'TIMED_OUT', 'ABORTED', 'PENDING_REDRIVE'])
const failure = {
  error: z.string().max(256).optional(),
  cause: z.string().max(32_768).optional(),
}
const taskToken = z.string().min(1).max(2_048)

type Operation = (engine: Engine, body: unknown, startedAt: number) => Promise<unknown>

const operations: Record<string, Operation> = {
  StartExecution: async (engine, body) => {
    const input = parse(
      z.object({ stateMachineArn: arn, name: name.optional(), input: z.string().optional() }),
      body,
    )
    const started = await engine.start(
      input.stateMachineArn,
      input.name ?? randomUUID(),
      checkedInput(input.input ?? '{}'),
    )
    return { executionArn: started.arn, startDate: started.startedAt / 1_000 }
  },
  DescribeExecution: async (engine, body) =>
    described(await engine.describe(parse(z.object({ executionArn: arn }), body).executionArn)),
  StopExecution: async (engine, body) => {
    const { executionArn, error, cause } = parse(z.object({ executionArn: arn, ...failure }), body)
    const stopped = await engine.stop(executionArn, {
      ...(error === undefined ? {} : { error }),
      ...(cause === undefined ? {} : { cause }),
    })
    return { stopDate: (stopped.stoppedAt ?? 0) / 1_000 }
  },
  ListExecutions: async (engine, body) => {
    const schema = z.object({ stateMachineArn: arn, statusFilter: status.optional(), ...page })
    const input = parse(schema, body)
    const { items, nextToken } = paged(
      engine.list(input.stateMachineArn, input.statusFilter),
      ({ startedAt, arn }) => `${startedAt} ${arn}`,
      input,
    )
    return { executions: items.map(listed), nextToken }
  },
  GetExecutionHistory: async (engine, body) => {
    const schema = z.object({ executionArn: arn, reverseOrder: z.boolean().optional(), ...page })
    const input = parse(schema, body)
    const events = await engine.history(input.executionArn)
    const ordered = input.reverseOrder === true ? events.toReversed() : events
    const { items, nextToken } = paged(ordered, ({ id }) => String(id), input)
    return { events: items, nextToken }
  },
  ListStateMachines: async (engine, body, startedAt) => {
    const input = parse(z.object(page), body)
    const { items, nextToken } = paged(engine.machines(), (machine) => machine.arn, input)
    return { stateMachines: items.map((machine) => machineItem(machine, startedAt)), nextToken }
  },
  DescribeStateMachine: async (engine, body, startedAt) => {
    const machine = engine.machine(parse(z.object({ stateMachineArn: arn }), body).stateMachineArn)
    return {
      ...machineItem(machine, startedAt),
      status: 'ACTIVE',
      definition: JSON.stringify(machine.definition),
      roleArn: 'arn:aws:iam::000000000000:role/local',
    }
  },
  SendTaskSuccess: async (engine, body) => {
    const input = parse(z.object({ taskToken, output: z.string() }), body)
    await engine.tokens.answer(input.taskToken, { output: outputOf(input.output) })
    return {}
  },
  SendTaskFailure: async (engine, body) => {
    const { taskToken: token, error, cause } = parse(z.object({ taskToken, ...failure }), body)
    await engine.tokens.answer(token, { error: error ?? 'States.TaskFailed', cause: cause ?? '' })
    return {}
  },
  SendTaskHeartbeat: async (engine, body) => {
    engine.tokens.heartbeat(parse(z.object({ taskToken }), body).taskToken)
    return {}
  },
}

async function answer(
  engine: Engine,
  startedAt: number,
  target: string,
  body: unknown,
): Promise<Answer> {
  const [service, operationName = ''] = target.split('.')
  const isKnown = service === 'AWSStepFunctions' && Object.hasOwn(operations, operationName)
  const operation = isKnown ? operations[operationName] : undefined
  if (operation === undefined) {
    throw new ServiceException('UnknownOperationException', `${target} is not played here.`)
  }
  return { status: 200, body: await operation(engine, body, startedAt) }
}

function parse<T>(schema: z.ZodType<T>, body: unknown): T {
  const parsed = schema.safeParse(body)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  const [field] = issue?.path ?? []
  const exception = field === 'name' ? 'InvalidName' : 'ValidationException'
  throw new ServiceException(exception, `${String(field ?? 'request')}: ${issue?.message}`)
}

function outputOf(text: string) {
  try {
    return JSON.parse(checkedInput(text))
  } catch {
    throw new ServiceException('InvalidOutput', 'The output is not JSON of at most 256 KB.')
  }
}

/** The token names the last item shown, so items that arrive meanwhile shift nothing. */
function paged<T>(
  items: readonly T[],
  keyOf: (item: T) => string,
  { maxResults, nextToken }: { maxResults?: number | undefined; nextToken?: string | undefined },
): { items: readonly T[]; nextToken?: string } {
  const limit = maxResults || PAGE_DEFAULT
  const from = nextToken === undefined ? 0 : positionAfter(items, keyOf, nextToken)
  const shown = items.slice(from, from + limit)
  const last = shown.at(-1)
  if (last === undefined || from + limit >= items.length) return { items: shown }
  return { items: shown, nextToken: Buffer.from(keyOf(last)).toString('base64url') }
}

function positionAfter<T>(items: readonly T[], keyOf: (item: T) => string, token: string): number {
  const key = Buffer.from(token, 'base64url').toString()
  const index = items.findIndex((item) => keyOf(item) === key)
  if (index === -1) throw new ServiceException('InvalidToken', 'The token names no item.')
  return index + 1
}

const listed = (summary: Summary) => ({
  executionArn: summary.arn,
  stateMachineArn: summary.machineArn,
  name: summary.name,
  status: summary.status,
  startDate: summary.startedAt / 1_000,
  ...(summary.stoppedAt === undefined ? {} : { stopDate: summary.stoppedAt / 1_000 }),
})

const described = (details: Details) => ({
  ...listed(details),
  input: details.input,
  inputDetails: { included: true },
  ...(details.output === undefined
    ? {}
    : { output: details.output, outputDetails: { included: true } }),
  ...(details.error === undefined ? {} : { error: details.error }),
  ...(details.cause === undefined ? {} : { cause: details.cause }),
})

const machineItem = (machine: { arn: string; name: string }, startedAt: number) => ({
  stateMachineArn: machine.arn,
  name: machine.name,
  type: 'STANDARD',
  creationDate: startedAt / 1_000,
})
