import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import {
  type Answer,
  type FixedAnswer,
  fixedAnswer,
  MalformedAnswer,
  ownAnswer,
  readAnswer,
} from './answer.ts'
import { albEvent } from './event.ts'
import { PARSED_BYTES_MAX, type RequestFacts, refusalOf, requestFacts } from './facts.ts'
import { createForwarder, type Forwarder, TargetTimeout, writeAnswer } from './forward.ts'
import { targetHeaders } from './headers.ts'
import { type HealthState, startHealthChecks } from './health.ts'
import type { Invoke } from './invoke.ts'
import { compileRules, type LambdaRule, type Rule } from './rules.ts'

/** An Application Load Balancer with one HTTP listener. */
export type Balancer = {
  readonly url: string
  readonly port: number
  /** By target group ARN, for the groups that have health checks. */
  readonly health: () => Readonly<Record<string, HealthState>>
  /** Takes no more connections, lets running requests end for `graceMs`, then cuts what is left. */
  readonly close: () => Promise<void>
}

export type BalancerOptions = {
  /** 0 takes a free one. */
  readonly port: number
  /** The address to listen on; loopback unless told otherwise. */
  readonly host?: string
  readonly rules: readonly Rule[]
  readonly invoke: Invoke
  /** The listener's default action. */
  readonly defaultAnswer?: FixedAnswer
  /** How long an HTTP target may be silent. */
  readonly idleTimeoutMs?: number
  readonly graceMs?: number
  /** One line for each answer that the balancer had to make up: who, and why. */
  readonly onProblem?: (line: string) => void
}

const NOT_FOUND: FixedAnswer = { status: 404, contentType: 'text/plain', body: 'Not Found' }
/** AWS's default. */
const IDLE_TIMEOUT_MS = 60_000
const GRACE_MS = 3_000
/** AWS's limit on the body of a request to a Lambda target. */
const BODY_BYTES_MAX = 1_024 * 1_024
/** How much of a refused body is read, so that its sender gets the refusal and not a reset. */
const DRAIN_BYTES_MAX = 16 * 1_024 * 1_024

/** Starts listening; rejects when the port is taken. */
export async function startBalancer(options: BalancerOptions): Promise<Balancer> {
  const choose = compileRules(options.rules)
  const forwarder = createForwarder(options.idleTimeoutMs ?? IDLE_TIMEOUT_MS)
  const groups = options.rules.flatMap((rule) => ('targetGroup' in rule ? [rule.targetGroup] : []))
  const parts = { options, choose, forwarder }
  const running = new Set<ServerResponse>()
  const sockets = new Set<Socket>()

  const server = createServer(
    {
      maxHeaderSize: PARSED_BYTES_MAX,
      keepAliveTimeout: IDLE_TIMEOUT_MS,
      shouldUpgradeCallback: isWebSocket,
    },
    (request, response) => {
      running.add(response)
      response.on('close', () => running.delete(response))
      void serve(parts, request, response)
    },
  )
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  server.on('upgrade', (request, socket, head) => serveUpgrade(parts, request, socket, head))
  server.on('clientError', (_error, socket) => writeAnswer(socket, ownAnswer(400)))
  await listen(server, options.port, options.host ?? '127.0.0.1')

  const checks = startHealthChecks(groups, options.invoke)
  const { port } = server.address() as AddressInfo
  const close = async () => {
    checks.stop()
    const closed = new Promise<void>((resolve) => server.close(() => resolve()))
    for (const response of running) response.shouldKeepAlive = false
    forwarder.endUpgraded()
    const cut = setTimeout(() => {
      for (const socket of sockets) socket.destroy()
    }, options.graceMs ?? GRACE_MS)
    await closed
    clearTimeout(cut)
    forwarder.close()
  }
  return { url: `http://localhost:${port}`, port, health: checks.states, close }
}

type Parts = {
  readonly options: BalancerOptions
  readonly choose: (facts: RequestFacts) => Rule | undefined
  readonly forwarder: Forwarder
}

async function serve(
  parts: Parts,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { options, choose, forwarder } = parts
  const facts = requestFacts(request)
  const rule = choose(facts)
  try {
    const refusal = refusalOf(facts, request.url ?? '')
    if (refusal) return send(request, response, ownAnswer(refusal))
    if (!rule) return send(request, response, fixedAnswer(options.defaultAnswer ?? NOT_FOUND))
    if ('url' in rule) {
      const headers = targetHeaders(facts, localPort(request))
      return await forwarder.request({ url: rule.url, incoming: request, headers }, response)
    }
    send(request, response, await invokeTarget(rule, facts, request, options))
  } catch (error) {
    options.onProblem?.(
      `${facts.method} ${facts.path}: ${error instanceof Error ? error.message : error}`,
    )
    if (response.headersSent) response.destroy()
    else send(request, response, ownAnswer(error instanceof TargetTimeout ? 504 : 502))
  }
}

/**
 * Throws for everything that an ALB answers with 502: a function that is throttled, fails, times
 * out, or whose answer is malformed. 503 is for a group without a target, which no template can
 * have.
 *
 * @see https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-troubleshooting.html
 */
async function invokeTarget(
  { targetGroup: group }: LambdaRule,
  facts: RequestFacts,
  request: IncomingMessage,
  options: BalancerOptions,
): Promise<Answer> {
  const body = await readBody(request)
  if (!body) return ownAnswer(413)
  const headers = targetHeaders(facts, localPort(request))
  const traceId = headers.find(([name]) => name === 'x-amzn-trace-id')?.[1]
  const event = albEvent(group, facts, headers, body)
  const invoked = await options.invoke(group.functionName, JSON.stringify(event), { traceId })
  if (invoked.functionError)
    throw new MalformedAnswer(`${group.functionName} failed: ${invoked.payload}`)
  return readAnswer(invoked.payload, group.multiValueHeaders)
}

const localPort = (request: IncomingMessage) => request.socket.localPort ?? 0

/** Undefined when the body is above the limit. */
async function readBody(request: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request) {
    bytes += chunk.length
    if (bytes > DRAIN_BYTES_MAX) return undefined
    if (bytes <= BODY_BYTES_MAX) chunks.push(chunk)
  }
  return bytes > BODY_BYTES_MAX ? undefined : Buffer.concat(chunks)
}

function send(request: IncomingMessage, response: ServerResponse, answer: Answer): void {
  if (response.destroyed) return
  for (const [name, values] of answer.headers) response.setHeader(name, values)
  const hasBody = answer.status !== 204 && answer.status !== 304
  if (hasBody) response.setHeader('content-length', answer.body.length)
  // What was not read of a refused request must not be taken for the next one.
  if (!request.complete) response.shouldKeepAlive = false
  response.writeHead(answer.status, answer.reason)
  response.end(hasBody && request.method !== 'HEAD' ? answer.body : undefined)
}

/** Any other Upgrade header is ignored, as HTTP allows. */
const isWebSocket = (request: IncomingMessage) =>
  request.headers.upgrade?.toLowerCase() === 'websocket'

function serveUpgrade(
  { options, choose, forwarder }: Parts,
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
): void {
  // Until the sockets are joined nobody else listens, and a reset would end the process.
  socket.on('error', () => socket.destroy())
  const facts = requestFacts(request)
  const rule = choose(facts)
  if (!rule) writeAnswer(socket, fixedAnswer(options.defaultAnswer ?? NOT_FOUND))
  else if (!('url' in rule)) writeAnswer(socket, ownAnswer(400))
  else {
    const headers = targetHeaders(facts, localPort(request))
    forwarder.upgrade({ url: rule.url, incoming: request, headers }, socket, head)
  }
}

function listen(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => {
      server.off('error', reject)
      resolve()
    })
  })
}
