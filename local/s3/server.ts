import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { pipeline } from 'node:stream/promises'
import { HOUR_MS, MINUTE_MS, SECOND_MS, systemClock } from '../../shared/kernel/time.ts'
import { type S3Error, systemCode, toS3Error } from './errors.ts'
import type { Stores } from './handlers/exchange.ts'
import { isFormUpload, postObject } from './handlers/post-policy.ts'
import { findOperation } from './operations.ts'
import { type Credentials, verifyRequest } from './signature.ts'
import { Disk } from './storage/disk.ts'
import { Uploads } from './storage/multipart.ts'
import { ObjectStore } from './storage/objects.ts'
import { corsHeaders, preflight } from './wire/cors.ts'
import { type Reply, readRequest } from './wire/request.ts'
import { xmlErrorDocument } from './wire/xml.ts'

const CONNECTIONS_MAX = 1_024
const HEADER_BYTES_MAX = 32 * 1_024
/** A connection on which nothing moves is cut, and with it the upload it carried. */
const IDLE_MS_MAX = MINUTE_MS
const REQUEST_MS_MAX = 6 * HOUR_MS
/** Longer than clients keep theirs, or they would write to a connection that was just closed. */
const KEEP_ALIVE_MS = 65 * SECOND_MS
/** What a refused client may go on sending before its connection is cut. */
const DRAINED_BYTES_MAX = 64 * 1_024 ** 2
const CLOSE_GRACE_MS = 2 * SECOND_MS

export type S3Options = Credentials & {
  /** Made if it is missing. Only one server may use it at a time. */
  readonly dataDir: string
  /** On 127.0.0.1; 0 takes a free one. */
  readonly port: number
  /** Browser origins, such as `http://localhost:8080`; `*` allows every one. */
  readonly allowedOrigins: readonly string[]
  /** Told of every failure that is ours; standard error unless given. */
  readonly onFailure?: (failure: { requestId: string; cause: unknown }) => unknown
}

export type RunningS3 = {
  /** For `AWS_ENDPOINT_URL_S3`; path-style addresses only. */
  readonly url: string
  /** Lets running requests end for a moment, then cuts them. */
  readonly close: () => Promise<void>
}

/**
 * The S3 of a hub on one machine: files in one folder, the protocol of the official SDK, and the
 * refusals of the real service.
 *
 * @throws Error of one sentence if the folder or the port cannot be used.
 */
export async function startS3(options: S3Options): Promise<RunningS3> {
  const stores = await openStores(options.dataDir)
  const server = createServer({
    maxHeaderSize: HEADER_BYTES_MAX,
    requestTimeout: REQUEST_MS_MAX,
    keepAliveTimeout: KEEP_ALIVE_MS,
  })
  server.maxConnections = CONNECTIONS_MAX
  server.timeout = IDLE_MS_MAX
  const serve = (message: IncomingMessage, response: ServerResponse, isWaiting: boolean) =>
    void respond({ message, response, isWaiting, stores, options })
  server.on('request', (message, response) => serve(message, response, false))
  server.on('checkContinue', (message, response) => serve(message, response, true))
  const port = await listen(server, options.port)
  return { url: `http://127.0.0.1:${port}`, close: () => closeServer(server) }
}

type Call = {
  readonly message: IncomingMessage
  readonly response: ServerResponse
  /** Whether the client holds its body back until it is told to continue. */
  readonly isWaiting: boolean
  readonly stores: Stores
  readonly options: S3Options
}

async function respond(call: Call): Promise<void> {
  const { message, response, options } = call
  const requestId = randomBytes(8).toString('hex').toUpperCase()
  drainWhenAnswered(message, response)
  let reply: Reply
  try {
    reply = await answer(call)
  } catch (thrown) {
    const error = toS3Error(thrown)
    // A client that went away is no failure of ours, whatever its connection threw.
    if (error.status >= 500 && error.cause !== undefined && !response.destroyed) {
      report(options, requestId, error.cause)
    }
    reply = errorReply(error, message, requestId)
  }
  try {
    await send(call, reply, requestId)
  } catch (cause) {
    if (!response.destroyed) report(options, requestId, cause)
    response.destroy()
  } finally {
    if (typeof reply.body === 'object') reply.body.destroy()
  }
}

async function answer({ message, response, isWaiting, stores, options }: Call): Promise<Reply> {
  const request = readRequest(message, () => isWaiting && response.writeContinue())
  if (request.method === 'OPTIONS') return preflight(request.headers, options.allowedOrigins)
  const now = systemClock()
  if (isFormUpload(request)) return postObject(request, stores, { credentials: options, now })
  const authorization = verifyRequest(request, options, now)
  const handle = findOperation(request)
  return handle({ ...stores, request, authorization, region: options.region, now })
}

async function send({ message, response, options }: Call, reply: Reply, requestId: string) {
  response.writeHead(reply.status, {
    ...corsHeaders(message.headers.origin, options.allowedOrigins),
    ...reply.headers,
    ...(typeof reply.body === 'string' ? { 'content-length': Buffer.byteLength(reply.body) } : {}),
    ...(message.complete || isBodiless(message) ? {} : { connection: 'close' }),
    'x-amz-request-id': requestId,
    'x-amz-id-2': Buffer.from(requestId).toString('base64'),
  })
  if (reply.body === undefined || typeof reply.body === 'string') response.end(reply.body)
  else await pipeline(reply.body, response)
}

function errorReply(error: S3Error, message: IncomingMessage, requestId: string): Reply {
  if (message.method === 'HEAD') return { status: error.status }
  const body = xmlErrorDocument({
    Code: error.code,
    Message: error.message,
    Resource: message.url?.split('?')[0],
    RequestId: requestId,
    HostId: Buffer.from(requestId).toString('base64'),
  })
  return { status: error.status, headers: { 'content-type': 'application/xml' }, body }
}

const isBodiless = ({ headers }: IncomingMessage): boolean =>
  headers['transfer-encoding'] === undefined && (headers['content-length'] ?? '0') === '0'

/** A refused client must be able to read why, so the rest of its body is swallowed up to a limit. */
function drainWhenAnswered(message: IncomingMessage, response: ServerResponse): void {
  response.once('finish', () => {
    let leftBytes = DRAINED_BYTES_MAX
    message.on('data', (chunk: Buffer) => {
      leftBytes -= chunk.length
      if (leftBytes < 0) message.destroy()
    })
  })
}

function report({ onFailure }: S3Options, requestId: string, cause: unknown): void {
  if (onFailure !== undefined) onFailure({ requestId, cause })
  else console.error(`s3 ${requestId}:`, cause)
}

async function openStores(dataDir: string): Promise<Stores> {
  const disk = await Disk.open(dataDir).catch((cause: unknown) => {
    const reason = systemCode(cause) ?? String(cause)
    throw new Error(`The S3 data folder ${dataDir} cannot be written (${reason}).`, { cause })
  })
  const objects = await ObjectStore.open(disk)
  const uploads = await Uploads.open(disk, objects)
  await disk.sweepBlobs(new Set([...blobIds(objects), ...[...uploads.blobs()].map(({ id }) => id)]))
  return { disk, objects, uploads }
}

function* blobIds(objects: ObjectStore): Generator<string> {
  for (const bucket of objects.buckets()) {
    for (const record of bucket.objects.values()) {
      for (const { id } of record.blobs) yield id
    }
  }
}

async function listen(server: Server, port: number): Promise<number> {
  server.listen(port, '127.0.0.1')
  try {
    await once(server, 'listening')
  } catch (cause) {
    const reason = systemCode(cause) === 'EADDRINUSE' ? 'it is in use' : systemCode(cause)
    throw new Error(`S3 cannot listen on port ${port}: ${reason}.`, { cause })
  }
  const address = server.address() as AddressInfo // It listens on TCP.
  return address.port
}

async function closeServer(server: Server): Promise<void> {
  const closed = once(server, 'close')
  server.close()
  server.closeIdleConnections()
  const cut = setTimeout(() => server.closeAllConnections(), CLOSE_GRACE_MS)
  await closed
  clearTimeout(cut)
}
