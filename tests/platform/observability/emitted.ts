import { once } from 'node:events'
import { createServer } from 'node:net'
import { Metrics } from '@aws-lambda-powertools/metrics'
import { jest } from '@jest/globals'
import type { MSKEvent } from 'aws-lambda'
import * as z from 'zod'
import { certificate } from '../../../functions/certificate/service.ts'
import { createPublisherMetrics } from '../../../functions/outbox-publisher/metrics.ts'
import { type Envelope, toEnvelope } from '../../../shared/events/envelope.ts'
import { producers } from '../../../shared/events/registry.ts'
import { newId } from '../../../shared/kernel/id.ts'
import { systemClock } from '../../../shared/kernel/time.ts'
import { busDoor } from '../../../shared/lambda/bus.ts'
import { httpDoor } from '../../../shared/lambda/http.ts'
import { startRuntime } from '../../../shared/lambda/stack.ts'
import { continueTrace } from '../../../shared/observe/trace.ts'
import { albGet, lambdaContext, lambdaEnvironment } from '../../support/lambda.ts'
import type { Metric } from './metric.ts'

const emfSchema = z.looseObject({
  _aws: z.object({
    CloudWatchMetrics: z.array(
      z.object({
        Namespace: z.string(),
        Dimensions: z.array(z.array(z.string())),
        Metrics: z.array(z.object({ Name: z.string() })),
      }),
    ),
  }),
})

/** What CloudWatch makes of a printed line: nothing where it is no EMF. */
const metricsOf = (line: string): Metric[] => {
  const { data: emf } = emfSchema.safeParse(parsed(line))
  return (emf?._aws.CloudWatchMetrics ?? []).flatMap(({ Namespace, Dimensions, Metrics }) =>
    Metrics.flatMap(({ Name }) =>
      Dimensions.map((keys) => ({
        namespace: Namespace,
        name: Name,
        dimensions: Object.fromEntries(keys.map((key) => [key, String(emf?.[key])])),
      })),
    ),
  )
}

const parsed = (line: string): unknown => {
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}

/**
 * Every metric that our functions report, as they print it while they work: the publisher, a service's HTTP door that
 * answers and one that cannot, and a bus door that handles, repeats, ignores and parks.
 *
 * @param databaseUrl a migrated database.
 */
export const emittedMetrics = async (databaseUrl: string): Promise<readonly Metric[]> => {
  // Powertools then prints through the console that can be listened to.
  process.env.POWERTOOLS_DEV = 'true'
  process.env.POWERTOOLS_METRICS_DISABLED = 'false'
  const lines: string[] = []
  const spies = [
    jest.spyOn(console, 'log').mockImplementation((line) => {
      lines.push(String(line))
    }),
    // What the doors log meanwhile is not asked for.
    ...(['info', 'warn', 'error'] as const).map((level) =>
      jest.spyOn(console, level).mockImplementation(() => {}),
    ),
  ]
  try {
    const publisher = new Metrics({ namespace: 'LearningHub', serviceName: 'outbox-publisher' })
    const { published, oldestWait } = createPublisherMetrics(publisher)
    published(Object.values(producers).flatMap((events) => Object.keys(events)))
    oldestWait(1)
    publisher.publishStoredMetrics()

    const environment = await lambdaEnvironment(databaseUrl)
    const event = JSON.stringify(profileUpdated())
    const service = { contract: certificate.contract, deps: () => ({}) as never }
    const runtime = startRuntime(service, environment)
    await httpDoor(certificate, runtime)(albGet('/absent'), lambdaContext)
    await busDoor(certificate, runtime)(
      records(['no JSON', undefined, event, event]),
      lambdaContext,
    )
    await runtime.database.close()
    const away = startRuntime(service, { ...environment, DATABASE_URL: await deadAddress() })
    await httpDoor(certificate, away)(albGet('/v1/certificates/issuer/jwks'), lambdaContext)
    await away.database.close()
  } finally {
    for (const spy of spies) spy.mockRestore()
    delete process.env.POWERTOOLS_DEV
    delete process.env.POWERTOOLS_METRICS_DISABLED
  }
  return lines.flatMap(metricsOf)
}

const profileUpdated = (): Envelope => {
  const accountId = newId('account')
  return {
    ...toEnvelope(
      {
        type: 'user.profile_updated',
        ...{ accountId, name: 'Somebody', locale: 'en', timeZone: 'UTC', avatarMediaId: null },
      },
      {
        producer: 'user',
        subject: accountId,
        context: {
          ...{ now: systemClock(), organizationId: undefined, actorId: accountId },
          traceparent: continueTrace(undefined),
        },
      },
    ),
    sequence: 1,
  }
}

const records = (values: readonly (string | undefined)[]): MSKEvent =>
  ({
    records: {
      'hub.course.v1-0': values.map((value, offset) => ({
        ...{ topic: 'hub.course.v1', partition: 0, offset },
        ...(value && { value: Buffer.from(value).toString('base64') }),
      })),
    },
  }) as unknown as MSKEvent

/** Of a port that has just been free: whoever connects is refused. */
const deadAddress = async (): Promise<string> => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  if (typeof address !== 'object' || !address) throw new Error('no port')
  return `postgres://127.0.0.1:${address.port}/none`
}
