import { REFRESH_TOKEN_MS } from './session.ts'

/**
 * `__Host-` binds the cookie to this very host over TLS; browsers count http://localhost as secure, so it works on
 * one machine too.
 */
const COOKIE = '__Host-hub_refresh'
const ATTRIBUTES = 'Path=/; HttpOnly; Secure; SameSite=Strict'

export const refreshCookie = (token: string): string =>
  `${COOKIE}=${token}; ${ATTRIBUTES}; Max-Age=${REFRESH_TOKEN_MS / 1_000}`

export const clearedCookie = `${COOKIE}=; ${ATTRIBUTES}; Max-Age=0`

/** @param header the request's `cookie`. */
export const readRefreshCookie = (header: string | null): string | undefined =>
  (header ?? '')
    .split(';')
    .map((pair) => pair.trim())
    .find((pair) => pair.startsWith(`${COOKIE}=`))
    ?.slice(COOKIE.length + 1)

/**
 * Whether a page of our own sent this. `Sec-Fetch-Site` cannot be forged by a page; browsers without it send
 * `Origin` with every POST. A request with neither is refused: only a browser holds the cookie.
 */
export const isOurPage = (
  headers: { get(name: string): string | null },
  publicOrigin: string,
): boolean => {
  const origin = headers.get('origin')
  const site = headers.get('sec-fetch-site')
  if (origin !== null && origin !== publicOrigin) return false
  if (site !== null) return site === 'same-origin'
  return origin !== null
}
