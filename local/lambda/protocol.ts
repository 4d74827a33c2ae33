/** What crosses the thread boundary: JSON text, so that no object is ever shared with a handler. */
export type ToWorker = {
  readonly requestId: string
  /** JSON text. */
  readonly event: string
  readonly traceId: string
  /** Unix milliseconds at which the invocation times out. */
  readonly deadlineMs: number
}

export type FromWorker =
  | { readonly kind: 'ready' }
  | { readonly kind: 'init-failed'; readonly failure: Failure }
  | { readonly kind: 'answered'; readonly requestId: string; readonly answer: string }
  | { readonly kind: 'failed'; readonly requestId: string; readonly failure: Failure }
  /** The process of a real environment would end here. */
  | { readonly kind: 'died'; readonly failure: Failure }

/** What a worker is told about its function; the environment variables come beside it. */
export type WorkerSettings = {
  readonly functionName: string
  readonly functionArn: string
  readonly memoryMb: number
  /** Absolute path of the bundle. */
  readonly modulePath: string
  readonly exportName: string
  readonly logGroupName: string
  readonly logStreamName: string
}

/** A function error in the words of Lambda's Node.js runtime. */
export type Failure = {
  readonly errorType: string
  readonly errorMessage: string
  readonly trace?: readonly string[]
}

/** Lambda's limit on a synchronous payload, either way: 6 MiB and 100 bytes. */
export const PAYLOAD_BYTES_MAX = 6 * 1_024 * 1_024 + 100
