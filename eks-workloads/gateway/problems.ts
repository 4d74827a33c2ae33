import type { ServerResponse } from 'node:http'
import type { Problem } from '../../shared/http/problem.ts'
import { Refusal } from './errors.ts'

/** The public document of any error; what is no {@link Refusal} says nothing of itself (RFC 9457). */
export const toProblem = (
  error: unknown,
  { instance, traceId }: { instance: string; traceId: string },
): Problem =>
  error instanceof Refusal
    ? {
        type: `urn:hub:problem:${error.code}`,
        title: error.title,
        status: error.status,
        detail: error.message,
        code: error.code,
        instance,
        traceId,
      }
    : {
        type: 'urn:hub:problem:internal',
        title: 'Internal Server Error',
        status: 500,
        code: 'internal',
        instance,
        traceId,
      }

/** Writes a problem document; the caller ends the response. */
export const writeProblem = (
  response: ServerResponse,
  error: unknown,
  { said, ...context }: { said: Record<string, string>; instance: string; traceId: string },
): void => {
  const problem = toProblem(error, context)
  const body = JSON.stringify(problem)
  const headers = error instanceof Refusal ? error.headers : {}
  response.writeHead(problem.status, {
    ...said,
    ...headers,
    'content-type': 'application/problem+json',
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
  })
  response.write(body)
}

/** The same for a connection that has no response object: broken requests and refused upgrades. */
export const rawProblem = (
  error: Refusal,
  {
    instance,
    traceId,
    headers = {},
  }: { instance: string; traceId: string; headers?: Readonly<Record<string, string>> },
): string => {
  const body = JSON.stringify(toProblem(error, { instance, traceId }))
  const lines = Object.entries({
    ...headers,
    ...error.headers,
    connection: 'close',
    'content-type': 'application/problem+json',
    'content-length': String(Buffer.byteLength(body)),
  }).map(([name, value]) => `${name}: ${value}`)
  return `HTTP/1.1 ${error.status} ${error.title}\r\n${lines.join('\r\n')}\r\n\r\n${body}`
}
