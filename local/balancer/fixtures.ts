import { type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http'
import { connect } from 'node:net'
import { type BalancerOptions, startBalancer } from './balancer.ts'
import type { AlbEvent } from './event.ts'
import type { Invoke } from './invoke.ts'
import type { LambdaRule, Rule } from './rules.ts'

export const groupArn =
  'arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/my-target-group/6d0ecf831eec9f09'

/** A rule for everything, to one function. */
export function lambdaRule(changes: Partial<LambdaRule['targetGroup']> = {}): LambdaRule {
  return {
    priority: 1,
    conditions: [{ field: 'path', values: ['/*'] }],
    targetGroup: {
      arn: groupArn,
      functionName: 'course',
      multiValueHeaders: true,
      healthCheck: undefined,
      ...changes,
    },
  }
}

export type Called = {
  readonly name: string
  readonly event: AlbEvent
  readonly traceId: string | undefined
}

/** A balancer whose functions are one plain function; keeps what they were called with. */
export async function testBalancer(
  rules: readonly Rule[],
  answer: (called: Called) => unknown = () => ({ statusCode: 200 }),
  options: Partial<BalancerOptions> = {},
) {
  const calls: Called[] = []
  const problems: string[] = []
  const invoke: Invoke = async (name, payload, { traceId }) => {
    const called = { name, event: JSON.parse(payload), traceId }
    calls.push(called)
    return { payload: JSON.stringify(await answer(called)) ?? 'null' }
  }
  const onProblem = (line: string) => void problems.push(line)
  const balancer = await startBalancer({
    port: 0,
    rules,
    invoke,
    onProblem,
    graceMs: 500,
    ...options,
  })
  return { ...balancer, calls, problems, [Symbol.asyncDispose]: balancer.close }
}

export type Sent = {
  readonly status: number
  readonly reason: string
  readonly headers: IncomingHttpHeaders
  readonly text: string
  readonly bytes: Buffer
}

type Sending = {
  readonly method?: string
  readonly path?: string
  /** Flat name and value pairs, so that names can repeat. */
  readonly headers?: readonly string[]
  readonly body?: string | Buffer
}

/** Sends exactly these bytes of path and headers, which fetch would not. */
export function send(
  port: number,
  { method = 'GET', path = '/', headers = [], body }: Sending = {},
): Promise<Sent> {
  return new Promise((resolve, reject) => {
    const framing = body === undefined ? [] : ['content-length', String(Buffer.byteLength(body))]
    const all = ['host', 'hub.example.com', ...headers, ...framing]
    const outgoing = request({ port, method, path, headers: all, agent: false })
    outgoing.on('response', (incoming) => read(incoming).then(resolve, reject))
    outgoing.on('error', reject)
    outgoing.end(body)
  })
}

async function read(incoming: IncomingMessage): Promise<Sent> {
  const chunks: Buffer[] = []
  for await (const chunk of incoming) chunks.push(chunk)
  const bytes = Buffer.concat(chunks)
  const { statusCode: status = 0, statusMessage: reason = '', headers } = incoming
  return { status, reason, headers, bytes, text: bytes.toString() }
}

/** Writes raw text and gives everything that comes back until the other side ends. */
export function sendRaw(port: number, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let received = ''
    const socket = connect(port, '127.0.0.1', () => socket.write(text))
    socket.setEncoding('latin1')
    socket.on('data', (chunk: string) => {
      received += chunk
    })
    socket.on('error', reject)
    socket.on('close', () => resolve(received))
  })
}
