import { randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { LambdaApiError, payloadTooLarge } from './errors.ts'
import type { InvocationType, Lambda } from './lambda.ts'
import { PAYLOAD_BYTES_MAX } from './protocol.ts'

export type LambdaApi = {
  /** For AWS_ENDPOINT_URL_LAMBDA. */
  readonly url: string
  readonly close: () => Promise<void>
}

const INVOKE_PATH = /^\/2015-03-31\/functions\/([^/]+)\/invocations\/?(?:\?.*)?$/

/** Serves Lambda's Invoke operation on loopback, so that the official SDK works unchanged. */
export async function startLambdaApi(options: {
  readonly lambda: Pick<Lambda, 'invoke'>
  /** 0 takes a free one. */
  readonly port: number
}): Promise<LambdaApi> {
  const server = createServer((request, response) => {
    serve(options.lambda, request, response).catch((error: unknown) => refuse(response, error))
  })
  await listen(server, options.port)
  const { port } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}`, close: () => closeServer(server) }
}

async function serve(
  lambda: Pick<Lambda, 'invoke'>,
  request: IncomingMessage,
  response: ServerResponse,
) {
  const name = request.method === 'POST' ? INVOKE_PATH.exec(request.url ?? '')?.[1] : undefined
  if (name === undefined) {
    throw new LambdaApiError(
      'UnknownOperationException',
      404,
      'Only Invoke is played on one machine.',
    )
  }
  // A page in a browser may send this without asking first; no SDK says where it comes from.
  if (request.headers.origin !== undefined || request.headers['sec-fetch-site'] !== undefined)
    throw new LambdaApiError('AccessDeniedException', 403, 'Pages in a browser invoke nothing.')
  const invocationType = invocationTypeOf(request.headers['x-amz-invocation-type'])
  const payload = await readBody(request)
  const traceId = request.headers['x-amzn-trace-id']
  const invoked = await lambda.invoke(decodeURIComponent(name), payload === '' ? '{}' : payload, {
    invocationType,
    traceId: typeof traceId === 'string' ? traceId : undefined,
  })
  response.writeHead(invoked.statusCode, {
    'content-type': 'application/json',
    'x-amzn-requestid': invoked.requestId,
    'x-amz-executed-version': '$LATEST',
    ...(invoked.functionError && { 'x-amz-function-error': invoked.functionError }),
  })
  response.end(invoked.payload)
}

function invocationTypeOf(header: string | string[] | undefined): InvocationType {
  if (header === undefined) return 'RequestResponse'
  if (header === 'RequestResponse' || header === 'Event' || header === 'DryRun') return header
  throw new LambdaApiError(
    'InvalidParameterValueException',
    400,
    `Unknown invocation type ${header}.`,
  )
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request) {
    bytes += chunk.length
    if (bytes > PAYLOAD_BYTES_MAX) throw payloadTooLarge(PAYLOAD_BYTES_MAX)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function refuse(response: ServerResponse, error: unknown): void {
  const known = error instanceof LambdaApiError
  const { type, status, message, reason } = known
    ? error
    : { type: 'ServiceException', status: 500, message: 'Internal error.', reason: undefined }
  response.writeHead(status, {
    'content-type': 'application/json',
    'x-amzn-errortype': type,
    'x-amzn-requestid': randomUUID(),
    // What is left of a refused body must not be taken for the next request.
    connection: 'close',
  })
  const origin = status >= 500 ? 'Service' : 'User'
  response.end(JSON.stringify({ Type: origin, Message: message, message, Reason: reason }))
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', () => resolve())
  })
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}
