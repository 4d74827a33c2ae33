import { AwsClient } from 'aws4fetch'
import * as z from 'zod'
import { type Environment, loadConfig } from '../config/load.ts'
import { describeError, type Log } from '../observe/logger.ts'

const INVOKE_TIMEOUT_MS = 500

// What Lambda gives every execution environment.
const credentialsSchema = z.object({
  AWS_REGION: z.string(),
  AWS_ACCESS_KEY_ID: z.string(),
  AWS_SECRET_ACCESS_KEY: z.string(),
  AWS_SESSION_TOKEN: z.string().optional(),
  /** Another Lambda than AWS's own, as the SDKs understand it. */
  AWS_ENDPOINT_URL_LAMBDA: z.url().optional(),
})

/**
 * A call of another function that is queued and not awaited. It may be lost, so a schedule must find what it would
 * have found. Never throws.
 *
 * One signed request rather than the SDK's Lambda client, which would double every bundle (decision 0004).
 */
export const invokeLater = ({
  functionName,
  payload,
  environment,
  log,
}: {
  functionName: string
  payload: unknown
  environment: Environment
  log: Log
}): (() => Promise<void>) => {
  const config = loadConfig(credentialsSchema, environment)
  const client = new AwsClient({
    accessKeyId: config.AWS_ACCESS_KEY_ID,
    secretAccessKey: config.AWS_SECRET_ACCESS_KEY,
    ...(config.AWS_SESSION_TOKEN && { sessionToken: config.AWS_SESSION_TOKEN }),
    service: 'lambda',
    region: config.AWS_REGION,
    retries: 0,
  })
  const endpoint =
    config.AWS_ENDPOINT_URL_LAMBDA ?? `https://lambda.${config.AWS_REGION}.amazonaws.com`
  const url = `${endpoint}/2015-03-31/functions/${encodeURIComponent(functionName)}/invocations`
  return async () => {
    try {
      const response = await client.fetch(url, {
        method: 'POST',
        headers: { 'x-amz-invocation-type': 'Event', 'content-type': 'application/json' },
        body: JSON.stringify(payload),
        signal: AbortSignal.timeout(INVOKE_TIMEOUT_MS),
      })
      if (!response.ok) log.warn('nudge refused', { status: response.status })
    } catch (error) {
      log.warn('nudge lost', describeError(error))
    }
  }
}
