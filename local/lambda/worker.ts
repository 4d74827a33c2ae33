/**
 * The runtime inside one execution environment: imports the handler, then answers one event at a
 * time. It runs in a worker thread whose `process.env` is the environment's own.
 */
import { pathToFileURL } from 'node:url'
import { parentPort, workerData } from 'node:worker_threads'
import {
  type Failure,
  type FromWorker,
  PAYLOAD_BYTES_MAX,
  type ToWorker,
  type WorkerSettings,
} from './protocol.ts'

type Handler = (event: unknown, context: unknown) => unknown

const settings = workerData as WorkerSettings
const port = parentPort
if (!port) throw new Error('worker.ts runs only as a worker thread.')

const send = (message: FromWorker) => port.postMessage(message)

process.on('uncaughtException', (error) => send({ kind: 'died', failure: failureOf(error) }))
process.on('unhandledRejection', (reason) => {
  const failure = failureOf(reason)
  const errorMessage = `${failure.errorType}: ${failure.errorMessage}`
  send({
    kind: 'died',
    failure: { ...failure, errorType: 'Runtime.UnhandledPromiseRejection', errorMessage },
  })
})

const handler = await loadHandler()
if (handler) {
  port.on('message', (invocation: ToWorker) => void answer(handler, invocation))
  send({ kind: 'ready' })
}

async function loadHandler(): Promise<Handler | undefined> {
  try {
    const loaded: Record<string, unknown> = await import(pathToFileURL(settings.modulePath).href)
    return checkedHandler(loaded[settings.exportName])
  } catch (error) {
    send({ kind: 'init-failed', failure: initFailureOf(error) })
    return undefined
  }
}

function checkedHandler(found: unknown): Handler {
  if (typeof found !== 'function') {
    const name = settings.exportName
    throw named('Runtime.HandlerNotFound', `${name} is undefined or not exported`)
  }
  // The Node.js 24 runtime dropped callbacks; a handler that waits for one would never answer.
  if (found.length >= 3) {
    throw named('Runtime.CallbackHandlerDeprecated', 'Callback-based handlers are not supported.')
  }
  return found as Handler
}

function named(name: string, message: string): Error {
  return Object.assign(new Error(message), { name })
}

async function answer(handle: Handler, invocation: ToWorker): Promise<void> {
  const { requestId } = invocation
  process.env._X_AMZN_TRACE_ID = invocation.traceId
  try {
    const result = await handle(JSON.parse(invocation.event), contextOf(invocation))
    const text = JSON.stringify(result) ?? 'null'
    const bytes = Buffer.byteLength(text)
    if (bytes > PAYLOAD_BYTES_MAX) send({ kind: 'failed', requestId, failure: tooLarge() })
    else send({ kind: 'answered', requestId, answer: text })
  } catch (error) {
    send({ kind: 'failed', requestId, failure: failureOf(error) })
  }
}

function contextOf({ requestId, deadlineMs }: ToWorker) {
  return {
    callbackWaitsForEmptyEventLoop: true,
    functionName: settings.functionName,
    functionVersion: '$LATEST',
    invokedFunctionArn: settings.functionArn,
    memoryLimitInMB: String(settings.memoryMb),
    awsRequestId: requestId,
    logGroupName: settings.logGroupName,
    logStreamName: settings.logStreamName,
    getRemainingTimeInMillis: () => Math.max(0, deadlineMs - Date.now()),
  }
}

function tooLarge(): Failure {
  return {
    errorType: 'Function.ResponseSizeTooLarge',
    errorMessage:
      'Response payload size exceeded maximum allowed payload size ' +
      `(${PAYLOAD_BYTES_MAX} bytes).`,
  }
}

/** Lambda's runtime gives these two kinds names of its own; any other error keeps its name. */
function initFailureOf(error: unknown): Failure {
  const failure = failureOf(error)
  const prefixed = { ...failure, errorMessage: `${failure.errorType}: ${failure.errorMessage}` }
  if (error instanceof SyntaxError) return { ...prefixed, errorType: 'Runtime.UserCodeSyntaxError' }
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  if (code.endsWith('MODULE_NOT_FOUND'))
    return { ...prefixed, errorType: 'Runtime.ImportModuleError' }
  return failure
}

function failureOf(error: unknown): Failure {
  if (!(error instanceof Error)) {
    return { errorType: typeof error, errorMessage: String(error), trace: [] }
  }
  const trace = (error.stack ?? '').split('\n')
  return { errorType: error.name, errorMessage: error.message, trace }
}
