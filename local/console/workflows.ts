import {
  DescribeExecutionCommand,
  DescribeStateMachineCommand,
  GetExecutionHistoryCommand,
  type HistoryEvent,
  ListExecutionsCommand,
  type ListExecutionsCommandOutput,
  SFNClient,
  SFNServiceException,
} from '@aws-sdk/client-sfn'
import type { Definition } from '../step-functions/definition.ts'
import { type Visit, visitsOf } from './visits.ts'

export type ExecutionSummary = {
  readonly name: string
  readonly status: string
  readonly startedAt: Date
  readonly stoppedAt: Date | undefined
}

export type ExecutionDetails = ExecutionSummary & {
  readonly definition: Definition
  readonly input: string
  readonly output: string | undefined
  readonly error: string | undefined
  readonly cause: string | undefined
  /** One each time that a state was entered, oldest first. */
  readonly visits: readonly Visit[]
  /** Whether the history is longer than what was read. */
  readonly isCut: boolean
}

/** The executions of the state machines, by the same API that AWS has. */
export type Workflows = {
  /** Newest first. */
  list(machineArn: string, options: { limit: number }): Promise<readonly ExecutionSummary[]>
  /** Undefined where there is no such execution. */
  find(machineArn: string, name: string): Promise<ExecutionDetails | undefined>
  close(): void
}

/** The newest events of a history that are read; AWS ends an execution at 25,000. */
export const HISTORY_READ_MAX = 3_000
const HISTORY_PAGE = 1_000

export const openWorkflows = ({
  endpoint,
  region,
}: {
  endpoint: string
  region: string
}): Workflows => {
  const client = new SFNClient({
    endpoint,
    region,
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
  })
  return {
    async list(stateMachineArn, { limit }) {
      const { executions = [] } = await client.send(
        new ListExecutionsCommand({ stateMachineArn, maxResults: limit }),
      )
      return executions.map(summaryOf)
    },
    async find(stateMachineArn, name) {
      const executionArn = `${stateMachineArn.replace(':stateMachine:', ':execution:')}:${name}`
      try {
        const execution = await client.send(new DescribeExecutionCommand({ executionArn }))
        const machine = await client.send(new DescribeStateMachineCommand({ stateMachineArn }))
        const definition: Definition = JSON.parse(machine.definition ?? '{}')
        const { events, isCut } = await historyOf(client, executionArn)
        const { input = '', output, error, cause } = execution
        const status = String(execution.status)
        const visits = visitsOf(events, { definition, status })
        return {
          ...summaryOf({ ...execution, name }),
          ...{ definition, input, output, error, cause, visits, isCut },
        }
      } catch (error) {
        if (error instanceof SFNServiceException && UNKNOWN.has(error.name)) return undefined
        throw error
      }
    },
    close: () => client.destroy(),
  }
}

const UNKNOWN: ReadonlySet<string> = new Set([
  'ExecutionDoesNotExist',
  'InvalidArn',
  'ValidationException',
])

type Listed = Partial<NonNullable<ListExecutionsCommandOutput['executions']>[number]>

const summaryOf = ({ name = '', status, startDate, stopDate }: Listed): ExecutionSummary => ({
  name,
  status: String(status),
  startedAt: startDate ?? new Date(0),
  stoppedAt: stopDate,
})

/** The newest first, so that a long history shows where it stands now; then turned. */
const historyOf = async (
  client: SFNClient,
  executionArn: string,
): Promise<{ events: readonly HistoryEvent[]; isCut: boolean }> => {
  const events: HistoryEvent[] = []
  let nextToken: string | undefined
  while (events.length < HISTORY_READ_MAX) {
    const page = await client.send(
      new GetExecutionHistoryCommand({
        executionArn,
        maxResults: HISTORY_PAGE,
        reverseOrder: true,
        ...(nextToken && { nextToken }),
      }),
    )
    events.push(...(page.events ?? []))
    nextToken = page.nextToken
    if (!nextToken) break
  }
  return { events: events.toReversed(), isCut: nextToken !== undefined }
}
