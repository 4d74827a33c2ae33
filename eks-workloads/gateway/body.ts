import type { IncomingMessage, ServerResponse } from 'node:http'
import { PassThrough, type Readable } from 'node:stream'
import { BODY_BYTES_MAX } from '../../shared/http/request.ts'
import { SECOND_MS } from '../../shared/kernel/time.ts'
import { bodyTooLarge, requestMalformed } from './errors.ts'

/** How much of a refused body is read, so that its sender gets the refusal and not a reset. */
export const LINGER_BYTES_MAX = 8 * 1_024 * 1_024
export const LINGER_MS_MAX = 5 * SECOND_MS

/** @throws Refusal 413 when the client says that it is going to send too much. */
export const checkLength = ({ headers }: IncomingMessage): void => {
  if (Number(headers['content-length'] ?? 0) > BODY_BYTES_MAX) throw bodyTooLarge()
}

export const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0

/**
 * The body as it goes on: a stream where its length is known, else (chunked) what was collected, so that no service
 * sees a part of a body that turns out to be too large.
 *
 * @throws Refusal 413; 400 when it breaks off.
 */
export const openBody = async (
  request: IncomingMessage,
  response: ServerResponse,
): Promise<Readable | Buffer | null> => {
  if (!hasBody(request)) return null
  if (request.headers.expect !== undefined) response.writeContinue()
  if (request.headers['transfer-encoding'] !== undefined) return collect(request)
  return detached(request)
}

/** Reads on, within bounds, what the sender of a refused request still sends. */
export const linger = (request: IncomingMessage): Promise<void> =>
  new Promise((resolve) => {
    if (request.complete || request.destroyed) return resolve()
    let bytes = 0
    const done = () => {
      clearTimeout(timer)
      resolve()
    }
    const timer = setTimeout(done, LINGER_MS_MAX)
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes > LINGER_BYTES_MAX) done()
    })
    request.once('end', done)
    request.once('close', done)
    request.resume()
  })

/** Its own stream: when the service fails, this one is destroyed, and the client's connection is not. */
const detached = (request: IncomingMessage): Readable => {
  const body = new PassThrough()
  request.once('close', () => {
    if (!request.complete) body.destroy(requestMalformed())
  })
  return request.pipe(body)
}

const collect = (request: IncomingMessage): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let bytes = 0
    const take = (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes > BODY_BYTES_MAX) {
        request.off('data', take)
        return reject(bodyTooLarge())
      }
      chunks.push(chunk)
    }
    request.on('data', take)
    request.once('end', () => resolve(Buffer.concat(chunks)))
    request.once('error', (error) => reject(requestMalformed(error)))
    request.once('close', () => reject(requestMalformed()))
  })
