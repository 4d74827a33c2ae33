import {
  Agent,
  request as httpRequest,
  type IncomingMessage,
  type RequestOptions,
  type ServerResponse,
} from 'node:http'
import type { Duplex } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { type Answer, ownAnswer } from './answer.ts'
import type { Pair } from './facts.ts'
import { HOP_BY_HOP } from './headers.ts'

/** Passes requests on to plain HTTP servers. */
export type Forwarder = {
  /** Streams both ways; rejects before the first byte of an answer if the target gives none. */
  readonly request: (forwarded: Forwarded, response: ServerResponse) => Promise<void>
  /** Joins the two sockets once the target has accepted the upgrade, else relays its refusal. */
  readonly upgrade: (forwarded: Forwarded, socket: Duplex, head: Buffer) => void
  /** Ends upgraded connections, which would otherwise never end. */
  readonly endUpgraded: () => void
  /** Gives up the connections to targets, busy ones too. */
  readonly close: () => void
}

export type Forwarded = {
  readonly url: string
  readonly incoming: IncomingMessage
  /** As the target shall see them. */
  readonly headers: readonly Pair[]
}

/** The target was silent for the idle timeout: the client gets 504 instead of 502. */
export class TargetTimeout extends Error {
  override readonly name = 'TargetTimeout'
}

export function createForwarder(idleTimeoutMs: number): Forwarder {
  const agent = new Agent({ keepAlive: true })
  const upgraded = new Set<Duplex>()

  const request = async ({ url, incoming, headers }: Forwarded, response: ServerResponse) => {
    const kept = headers.filter(([name]) => !HOP_BY_HOP.has(name))
    // A body without a length travels on in chunks of this hop.
    if (incoming.headers['transfer-encoding']) kept.push(['transfer-encoding', 'chunked'])
    const outgoing = httpRequest(url, {
      ...requestOptions(incoming, kept),
      agent,
      timeout: idleTimeoutMs,
    })
    outgoing.on('timeout', () => outgoing.destroy(new TargetTimeout('The target is silent.')))
    response.on('close', () => outgoing.destroy())
    const answered = new Promise<IncomingMessage>((resolve, reject) => {
      outgoing.once('response', resolve)
      outgoing.on('error', reject)
    })
    // Not a pipeline: that would end the client's connection when the target's fails, before its
    // 502.
    incoming.pipe(outgoing)
    const answer = await answered.catch((error: unknown) => {
      // What is left of the body is read, so that its sender gets the 502 and not a reset.
      incoming.resume()
      throw error
    })
    response.writeHead(answer.statusCode ?? 502, answer.statusMessage, endToEnd(answer.rawHeaders))
    await pipeline(answer, response)
  }

  const join = (client: Duplex, target: Duplex) => {
    const end = () => {
      client.destroy()
      target.destroy()
    }
    for (const side of [client, target]) side.on('error', end).on('close', end)
    client.pipe(target).pipe(client)
  }

  const upgrade = ({ url, incoming, headers }: Forwarded, socket: Duplex, head: Buffer) => {
    const outgoing = httpRequest(url, {
      ...requestOptions(incoming, headers),
      agent: false,
      timeout: idleTimeoutMs,
    })
    upgraded.add(socket)
    // A client that has left needs no answer, and its target no connection.
    socket.on('close', () => {
      upgraded.delete(socket)
      outgoing.destroy()
    })
    outgoing.on('timeout', () => outgoing.destroy(new TargetTimeout('The target is silent.')))
    outgoing.on('error', (error) =>
      writeAnswer(socket, ownAnswer(error instanceof TargetTimeout ? 504 : 502)),
    )
    outgoing.on('upgrade', (answer, target, targetHead) => {
      target.setTimeout(0)
      socket.write(headOf(answer))
      if (targetHead.length > 0) socket.write(targetHead)
      if (head.length > 0) target.write(head)
      join(socket, target)
    })
    outgoing.on('response', (answer) => {
      // The connection's end marks the end of the body, so a chunked one may pass decoded.
      socket.write(headOf(answer, ['connection: close']))
      answer.pipe(socket)
    })
    outgoing.end()
  }

  const endUpgraded = () => {
    for (const socket of upgraded) socket.destroy()
  }
  return { request, upgrade, endUpgraded, close: () => agent.destroy() }
}

function requestOptions(incoming: IncomingMessage, headers: readonly Pair[]): RequestOptions {
  return {
    method: incoming.method ?? 'GET',
    path: incoming.url ?? '/',
    headers: headers.flat(),
    setDefaultHeaders: false,
  }
}

/** Raw header names and values without those of the hop. */
function endToEnd(rawHeaders: readonly string[]): string[] {
  const kept: string[] = []
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const name = String(rawHeaders[at])
    if (!HOP_BY_HOP.has(name.toLowerCase())) kept.push(name, String(rawHeaders[at + 1]))
  }
  return kept
}

function headOf(answer: IncomingMessage, instead?: readonly string[]): string {
  const raw = instead ? endToEnd(answer.rawHeaders) : answer.rawHeaders
  const lines = raw.flatMap((name, at) => (at % 2 === 0 ? [`${name}: ${raw[at + 1]}`] : []))
  const status = `HTTP/1.1 ${answer.statusCode} ${answer.statusMessage}`
  return [status, ...lines, ...(instead ?? []), '', ''].join('\r\n')
}

/** Writes an answer to a bare socket and ends it. */
export function writeAnswer(socket: Duplex, answer: Answer): void {
  if (socket.destroyed || !socket.writable) return
  const lines = answer.headers.flatMap(([name, values]) =>
    values.map((value) => `${name}: ${value}`),
  )
  const status = `HTTP/1.1 ${answer.status} ${answer.reason}`
  const framing = [`content-length: ${answer.body.length}`, 'connection: close']
  socket.write([status, ...lines, ...framing, '', ''].join('\r\n'))
  // The client's own end is not awaited: half-open sockets would hold a closing server.
  socket.end(answer.body, () => socket.destroy())
}
