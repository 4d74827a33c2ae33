/** Text as a page may show it: without what would let a reader in. */
export type Redact = (text: string) => string

export const HIDDEN = '[hidden]'

// Signed tokens of any kind (internal, access, unsubscribe): three parts of base64url, the first a JSON header.
const TOKENS = /(?<![\w-])eyJ[\w-]+\.[\w-]+\.[\w-]*/g
const SCHEMES = /\b(Bearer|Basic)\s+[\w~+/.=:-]+/gi
/** A JSON member or a header line whose name says that its value is a secret; the name stays. */
const MEMBERS =
  /((?<![\w-])(?:\\*["'])?(?:[\w-]*(?:authorization|cookie|password|passphrase|secret|api[-_]?key|private[-_]?key|session[-_]?token|access[-_]?token|refresh[-_]?token|id[-_]?token|internal[-_]?token|x-hub-token|sealed[-_]?token|tasktoken)|token)(?:\\*["'])?\s*[:=]\s*)(\\*["'])((?:(?!(?<!\\)\2).)*)\2/gi
const LINES = /((?:authorization|set-cookie|cookie|x-hub-token)\s*[:=]\s*)[^\s"'\\{[][^\n"\\]*/gi

/**
 * Hides tokens, credentials and what stands under a telling name, and each of the hub's own secrets wherever it stands.
 *
 * @param secrets exact values; one that is too short to be a secret is left alone.
 */
export const createRedact = (secrets: readonly string[] = []): Redact => {
  const known = secrets.filter((secret) => secret.length >= SECRET_LENGTH_MIN)
  return (text) =>
    known
      .reduce((shown, secret) => shown.replaceAll(secret, HIDDEN), text)
      .replace(SCHEMES, `$1 ${HIDDEN}`)
      .replace(TOKENS, HIDDEN)
      .replace(MEMBERS, `$1$2${HIDDEN}$2`)
      .replace(LINES, `$1${HIDDEN}`)
}

const SECRET_LENGTH_MIN = 8
