/** What engines and services log through; powertools' Logger fits it, and so does a test's recorder. */
export type Log = {
  info(message: string, fields?: Readonly<Record<string, unknown>>): void
  warn(message: string, fields?: Readonly<Record<string, unknown>>): void
  error(message: string, fields?: Readonly<Record<string, unknown>>): void
}

export const silentLog: Log = { info: () => {}, warn: () => {}, error: () => {} }

/** A path as a log may hold it: without the signed proofs that some carry (the playlists of a playback). */
export const withoutTokens = (path: string): string =>
  path.replaceAll(/eyJ[\w-]+\.[\w-]+\.[\w-]+/g, '[token]')

/** What may be said of an error in a log: its kind and where, never the values that went through it. */
export const describeError = (error: unknown): Record<string, unknown> =>
  error instanceof Error
    ? {
        error: error.name,
        // Not `message`: powertools' logger keeps that name for its own line, and drops ours.
        reason: error.message.slice(0, 500),
        ...('code' in error && { code: error.code }),
        stack: error.stack?.split('\n').slice(1, 12).join('\n'),
        ...(error.cause !== undefined && { cause: describeError(error.cause) }),
      }
    : { error: typeof error }
