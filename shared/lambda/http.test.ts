import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals'
import { linksOf } from '../../functions/certificate/domain/credential.ts'
import { certificate } from '../../functions/certificate/service.ts'
import { useDatabase } from '../../tests/support/database.ts'
import { albGet, lambdaContext, lambdaEnvironment } from '../../tests/support/lambda.ts'
import type { Environment } from '../config/load.ts'
import { httpDoor } from './http.ts'
import { startRuntime } from './stack.ts'

const ISSUER = '/v1/certificates/issuer'
const database = useDatabase()
const closing: (() => Promise<void>)[] = []
let environment: Environment
let lines: Record<string, unknown>[] = []

beforeAll(async () => {
  // Powertools then prints through the console that can be listened to.
  process.env.POWERTOOLS_DEV = 'true'
  environment = await lambdaEnvironment(database.url)
  for (const level of ['info', 'warn', 'error'] as const)
    jest.spyOn(console, level).mockImplementation((line) => lines.push(JSON.parse(String(line))))
})
afterEach(() => {
  lines = []
})
afterAll(async () => {
  delete process.env.POWERTOOLS_DEV
  jest.restoreAllMocks()
  for (const close of closing) await close()
})

/** A service's door as Lambda has it, of which `LOG_SHARE` of the traces are logged. */
const door = (LOG_SHARE: string) => {
  const runtime = startRuntime(
    { contract: certificate.contract, deps: () => ({ links: linksOf('http://hub') }) as never },
    { ...environment, LOG_SHARE },
  )
  closing.push(() => runtime.database.close())
  const call = httpDoor(certificate, runtime)
  return async (path: string) => {
    const { statusCode } = await call(albGet(path), lambdaContext)
    return { status: statusCode, logged: lines.map(({ message, status }) => ({ message, status })) }
  }
}

describe('the log of an HTTP door', () => {
  it('has a line for every request where all traces are logged', async () => {
    const get = door('1')
    expect(await get(ISSUER)).toEqual({
      status: 200,
      logged: [{ message: 'request', status: 200 }],
    })
  })

  it('has none for what went well in a trace that is not, and every one for what did not', async () => {
    const get = door('0')
    expect(await get(ISSUER)).toEqual({ status: 200, logged: [] })
    expect(await get('/absent')).toEqual({
      status: 404,
      logged: [{ message: 'request', status: 404 }],
    })
  })
})
