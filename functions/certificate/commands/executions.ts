import { DescribeExecutionCommand, SFNClient, StartExecutionCommand } from '@aws-sdk/client-sfn'
import { type Certificate, executionNameOf } from '../domain/certificate.ts'

/** What every execution is started with; `workflows/certificate-issuance` reads it. */
export type ExecutionInput = Pick<Certificate, 'certificateId' | 'organizationId' | 'traceparent'>

/** The state machine, as this service needs it. Every call may be repeated. */
export type Executions = {
  /** Starts the certificate's run, once, however often it is called. */
  start(certificate: Certificate): Promise<void>
  /** @returns `over` when the run's execution has ended, and so will never answer. */
  state(certificate: Certificate): Promise<'running' | 'over' | 'absent'>
}

/** Opens lazily; an endpoint other than AWS's own comes from `AWS_ENDPOINT_URL_SFN`. */
export const openExecutions = ({
  region,
  machineArn,
}: {
  region: string
  machineArn: string
}): Executions => {
  const sfn = new SFNClient({ region })
  return {
    async start(certificate) {
      const { certificateId, organizationId, traceparent } = certificate
      const input: ExecutionInput = { certificateId, organizationId, traceparent }
      const command = new StartExecutionCommand({
        stateMachineArn: machineArn,
        name: executionNameOf(certificate),
        input: JSON.stringify(input),
      })
      await sfn.send(command).catch(unless('ExecutionAlreadyExists'))
    },

    async state(certificate) {
      const executionArn = `${machineArn.replace(':stateMachine:', ':execution:')}:${executionNameOf(certificate)}`
      const execution = await sfn
        .send(new DescribeExecutionCommand({ executionArn }))
        .catch(unless('ExecutionDoesNotExist'))
      if (!execution) return 'absent'
      const isRunning = ['RUNNING', 'PENDING_REDRIVE'].includes(execution.status ?? '')
      return isRunning ? 'running' : 'over'
    },
  }
}

/**
 * Starts what this transaction records. The first step waits for the commit; what cannot be started now is
 * started by the sweeper, which finds the record.
 */
export const startOrLeave = async (
  certificate: Certificate,
  executions: Executions,
): Promise<void> => {
  await executions.start(certificate).catch(() => {})
}

const unless =
  (name: string) =>
  (error: unknown): undefined => {
    if (!(error instanceof Error && error.name === name)) throw error
  }
