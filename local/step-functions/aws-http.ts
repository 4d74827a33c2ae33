import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { ServiceException } from './errors.ts'

/** AWS accepts 1 MB requests on these APIs; nothing of ours comes near. */
export const REQUEST_BYTES_MAX = 1_024 * 1_024

export type Answer = { readonly status: number; readonly body: unknown }
export type Handler = (request: IncomingMessage, body: unknown) => Promise<Answer>
export type Listening = { readonly url: string; readonly close: () => Promise<void> }

/**
 * Serves a JSON API of AWS on the loopback address.
 *
 * Signatures are not verified (the S3 stand-in does that), but a request without one is refused: a
 * web page can post JSON to a loopback port blindly, yet cannot add an Authorization header.
 *
 * @param port 0 takes any free port.
 */
export async function listen(
  port: number,
  contentType: string,
  handler: Handler,
): Promise<Listening> {
  const server = createServer((request, response) => {
    answer(request, handler).then(
      ({ status, body }) => send(response, contentType, status, body),
      (error: unknown) => sendError(response, contentType, error),
    )
  })
  await bind(server, port)
  const address = server.address()
  const bound = typeof address === 'object' && address !== null ? address.port : port
  return { url: `http://127.0.0.1:${bound}`, close: () => closeServer(server) }
}

async function answer(request: IncomingMessage, handler: Handler): Promise<Answer> {
  if (!request.headers.authorization?.startsWith('AWS4-HMAC-SHA256 ')) {
    throw new ServiceException(
      'MissingAuthenticationToken',
      'The request carries no signature.',
      403,
    )
  }
  return handler(request, parseJson(await readBody(request)))
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > REQUEST_BYTES_MAX) {
      throw new ServiceException('RequestEntityTooLarge', 'The request is larger than 1 MB.', 413)
    }
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function parseJson(text: string): unknown {
  if (text === '') return {}
  try {
    return JSON.parse(text)
  } catch {
    throw new ServiceException('SerializationException', 'The request body is not JSON.')
  }
}

function sendError(response: ServerResponse, contentType: string, error: unknown): void {
  if (error instanceof ServiceException) {
    response.setHeader('x-amzn-errortype', error.name)
    send(response, contentType, error.status, { __type: error.name, message: error.message })
    return
  }
  // The caller of a stand-in is a developer of the hub: the text of the fault helps, and leaks
  // nothing.
  const message = error instanceof Error ? error.message : String(error)
  response.setHeader('x-amzn-errortype', 'InternalServerErrorException')
  send(response, contentType, 500, { __type: 'InternalServerErrorException', message })
}

function send(response: ServerResponse, contentType: string, status: number, body: unknown): void {
  const text = JSON.stringify(body)
  response.writeHead(status, {
    'content-type': contentType,
    'content-length': Buffer.byteLength(text),
  })
  response.end(text)
}

function bind(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', () => {
      server.off('error', reject)
      resolve()
    })
  })
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}
