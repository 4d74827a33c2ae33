import type { ALBEvent, Context } from 'aws-lambda'
import type { Environment } from '../../shared/config/load.ts'
import { ROLE_PASSWORD } from './database.ts'
import { testKeys } from './door.ts'

// What Lambda hands to a door, for tests of the doors themselves.

export const lambdaContext = { functionName: 'certificate', awsRequestId: '1' } as Context

/** What every function of a service is told, with the gateway's key and a database. */
export const lambdaEnvironment = async (databaseUrl: string): Promise<Environment> => ({
  DATABASE_URL: databaseUrl,
  DATABASE_PASSWORD: ROLE_PASSWORD,
  INTERNAL_JWKS: JSON.stringify([(await testKeys()).publicKey]),
  INTERNAL_URL: 'http://localhost:1',
  PUBLIC_URL: 'http://localhost:1',
})

/** A GET as the balancer passes it on. */
export const albGet = (path: string): ALBEvent => ({
  httpMethod: 'GET',
  path,
  multiValueQueryStringParameters: {},
  multiValueHeaders: { host: ['hub'] },
  body: '',
  isBase64Encoded: false,
  requestContext: { elb: { targetGroupArn: '' } },
})
