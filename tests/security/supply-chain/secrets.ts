/** What a secret looks like, by its issuer. */
const PATTERNS: Readonly<Record<string, RegExp>> = {
  'a private key': /-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----\s*[A-Za-z0-9+/=]{16}/,
  'a private JWK': /"d"\s*:\s*"[\w-]{40,}"/,
  'an AWS access key': /\b(?:AKIA|ASIA)[0-9A-Z]{16}\b/,
  'a SendGrid key': /\bSG\.[\w-]{16,}\.[\w-]{16,}/,
  'a GitHub token': /\bgh[pousr]_[A-Za-z0-9]{36}\b/,
  'an npm token': /\bnpm_[A-Za-z0-9]{36}\b/,
  'a Slack token': /\bxox[abprs]-[\w-]{10,}/,
  'a signed token': /\beyJ[\w-]{16,}\.eyJ[\w-]{16,}\.[\w-]{16,}/,
  'a password in a URL': /\b[a-z]+:\/\/[^\s/:@'"`$]+:[^\s/:@'"`${}]{6,}@(?!localhost|127\.0\.0\.1)/,
}

/** What of a text looks like a secret; each by its kind and line. */
export const secretsIn = (text: string): readonly string[] =>
  Object.entries(PATTERNS).flatMap(([kind, pattern]) => {
    const at = text.search(pattern)
    return at === -1 ? [] : [`${kind} in line ${text.slice(0, at).split('\n').length}`]
  })

export const secretKinds: readonly string[] = Object.keys(PATTERNS)
