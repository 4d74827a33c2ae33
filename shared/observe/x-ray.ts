import { randomBytes } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { subscribe } from 'node:diagnostics_channel'

// What powertools' tracer asks of `aws-xray-sdk-core`; in the bundles this stands in its place (decision 0004). It
// sends each closed subsegment to the daemon that Lambda runs beside every function, and knows nothing else of X-Ray.

type Http = { request?: Record<string, unknown>; response?: Record<string, unknown> }

/** What a subsegment hangs below. */
type Parent = { readonly id: string; readonly traceId: string; readonly isSampled: boolean }

/** One piece of work below the function's own segment. Field names are X-Ray's, and the tracer sets some of them. */
export class Subsegment {
  readonly id = newId()
  readonly name: string
  readonly parent: Parent
  namespace?: string
  http?: Http
  readonly #startedAt = nowSeconds()
  readonly #annotations: Record<string, unknown> = {}
  readonly #metadata: Record<string, Record<string, unknown>> = {}
  readonly #flags: { error?: true; fault?: true; throttle?: true } = {}
  #cause: { working_directory: string; exceptions: unknown[] } | undefined

  constructor(name: string, parent: Parent) {
    this.name = name
    this.parent = parent
  }

  get traceId(): string {
    return this.parent.traceId
  }

  get isSampled(): boolean {
    return this.parent.isSampled
  }

  get notTraced(): boolean {
    return !this.isSampled
  }

  addNewSubsegment(name: string): Subsegment {
    return new Subsegment(name, this)
  }

  addAttribute(name: 'namespace', value: string): void {
    this[name] = value
  }

  addAnnotation(key: string, value: unknown): void {
    this.#annotations[key] = value
  }

  addMetadata(key: string, value: unknown, namespace = 'default'): void {
    this.#metadata[namespace] = { ...this.#metadata[namespace], [key]: value ?? '' }
  }

  addErrorFlag(): void {
    this.#flags.error = true
  }

  addFaultFlag(): void {
    this.#flags.fault = true
  }

  addThrottleFlag(): void {
    this.#flags.throttle = true
  }

  addError(error: unknown, isRemote = false): void {
    this.addFaultFlag()
    this.#cause ??= { working_directory: process.cwd(), exceptions: [] }
    this.#cause.exceptions.unshift(exceptionOf(error, isRemote))
  }

  /** Ends the work and sends it, if this trace is sampled. */
  close(): void {
    if (!this.isSampled) return
    send({
      ...{ id: this.id, name: this.name, type: 'subsegment' },
      ...{ trace_id: this.traceId, parent_id: this.parent.id },
      ...{ start_time: this.#startedAt, end_time: nowSeconds() },
      ...this.#flags,
      ...(this.namespace && { namespace: this.namespace }),
      ...(this.http && { http: this.http }),
      ...(this.#cause && { cause: this.#cause }),
      ...(hasAny(this.#annotations) && { annotations: this.#annotations }),
      ...(hasAny(this.#metadata) && { metadata: this.#metadata }),
    })
  }
}

/** The function's own segment: Lambda writes it, so only work below it can be told. */
export class Segment {
  addNewSubsegment(name: string): Subsegment {
    return new Subsegment(name, lambdaSegment())
  }
}

const functionSegment = new Segment()
// One execution environment answers one event at a time.
let active: Segment | Subsegment = functionSegment

const getSegment = () => active

const setSegment = (segment: Segment | Subsegment) => {
  active = segment
}

/** @see https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader */
const lambdaSegment = (): Parent => {
  // biome-ignore lint/style/noProcessEnv: Lambda renews it for each event, so it is no configuration
  const header = process.env._X_AMZN_TRACE_ID ?? ''
  const fields = new Map(header.split(';').map((field) => field.split('=', 2) as [string, string]))
  const [traceId, id] = [fields.get('Root') ?? '', fields.get('Parent') ?? '']
  return { id, traceId, isSampled: fields.get('Sampled') === '1' && traceId !== '' && id !== '' }
}

const PROTOCOL_HEADER = '{"format":"json","version":1}\n'
const DAEMON_ADDRESS = '127.0.0.1:2000'

// A socket for each: one that was kept could be dead after Lambda has frozen the environment.
const send = (document: object): void => {
  // biome-ignore lint/style/noProcessEnv: Lambda's own variable, as the SDK reads it
  const address = process.env.AWS_XRAY_DAEMON_ADDRESS || DAEMON_ADDRESS
  const at = address.lastIndexOf(':')
  const socket = createSocket('udp4')
  socket.once('error', () => socket.close())
  const message = PROTOCOL_HEADER + JSON.stringify(document)
  // A trace is worth no failure: what is too large for a datagram or finds no daemon is lost.
  socket.send(message, Number(address.slice(at + 1)), address.slice(0, at), () => socket.close())
}

/** Calls of the official clients, which go through `node:https`: one subsegment each, like those of `fetch`. */
const captureClients = (): void => {
  const open = new WeakMap<object, Subsegment>()
  const take = (request: object) => {
    const subsegment = open.get(request)
    open.delete(request)
    return subsegment
  }
  subscribe('http.client.request.start', (message) => {
    const { request } = message as { request: ClientRequest }
    const subsegment = active.addNewSubsegment(request.host)
    const [path] = request.path.split('?')
    const url = `${request.protocol}//${request.host}${path}`
    subsegment.namespace = 'remote'
    subsegment.http = { request: { url, method: request.method } }
    open.set(request, subsegment)
  })
  subscribe('http.client.response.finish', (message) => {
    const { request, response } = message as { request: object; response: { statusCode: number } }
    const subsegment = take(request)
    if (!subsegment) return
    const { statusCode: status } = response
    subsegment.http = { ...subsegment.http, response: { status } }
    if (status === 429) subsegment.addThrottleFlag()
    if (status >= 500) subsegment.addFaultFlag()
    else if (status >= 400) subsegment.addErrorFlag()
    subsegment.close()
  })
  subscribe('http.client.request.error', (message) => {
    const { request, error } = message as { request: object; error: unknown }
    const subsegment = take(request)
    subsegment?.addError(error, true)
    subsegment?.close()
  })
}

type ClientRequest = {
  readonly host: string
  readonly path: string
  readonly method: string
  readonly protocol: string
}

let isCapturing = false

/** Called for `http` and for `https`, which share their channels. */
const captureHTTPsGlobal = (): void => {
  if (!isCapturing) captureClients()
  isCapturing = true
}

const STACK_LINE = /^\s*at (?:(.*) \()?(.*?):(\d+)(?::\d+)?\)?$/

const exceptionOf = (error: unknown, remote: boolean) => {
  const { name, message, stack } = error instanceof Error ? error : new Error(String(error))
  const lines = (stack ?? '').split('\n').flatMap((line) => {
    const [, label = 'anonymous', path, number] = STACK_LINE.exec(line) ?? []
    return path ? [{ path, line: Number(number), label }] : []
  })
  return { id: newId(), type: name, message, remote, stack: lines }
}

const newId = () => randomBytes(8).toString('hex')
const nowSeconds = () => (performance.timeOrigin + performance.now()) / 1_000
const hasAny = (record: object) => Object.keys(record).length > 0

const nothing = () => {}

// biome-ignore lint/style/noDefaultExport: the tracer imports the SDK so
export default {
  ...{ Segment, getSegment, setSegment, captureHTTPsGlobal },
  ...{ setContextMissingStrategy: nothing, setDaemonAddress: nothing, setLogger: nothing },
}
