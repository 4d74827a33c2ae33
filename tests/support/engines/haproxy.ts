import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { freePort } from '../../../local/free-port.ts'
import { engineFolder } from './folder.ts'
import { type EngineProcess, startEngine } from './process.ts'
import { debianProgram } from './toolbox.ts'

export type Haproxy = {
  readonly url: string
  readonly process: EngineProcess
  stop(): Promise<void>
}

/**
 * HAProxy as a gateway: proves RS256 access tokens, counts calls per account and minute, names each request, logs
 * one JSON line a request into a file, and passes on over kept connections. One thread, as one event loop has.
 */
export const startHaproxy = async (options: {
  readonly upstream: string
  /** PEM of the key that the tokens are signed with. */
  readonly publicKey: string
  readonly issuer: string
  readonly audience: string
  /** Calls a minute and account; paths that end in `path` have `limit` instead. */
  readonly limit: number
  readonly stricter: { readonly path: string; readonly limit: number }
}): Promise<Haproxy> => {
  const program = await debianProgram('haproxy', ['haproxy'])
  const folder = await engineFolder('haproxy')
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const [config, key, log] = ['haproxy.cfg', 'key.pem', 'log'].map((name) =>
    join(folder.path, name),
  )
  await writeFile(String(key), options.publicKey)
  await writeFile(String(config), configOf({ ...options, port, key: String(key) }))
  const process = await startEngine({
    program: 'sh',
    args: ['-c', 'exec "$0" -db -f "$1" > "$2"', program, String(config), String(log)],
    ready: () => fetch(url),
  })
  return {
    url,
    process,
    async stop() {
      await process.stop()
      await folder.remove()
    },
  }
}

const configOf = ({
  upstream,
  issuer,
  audience,
  limit,
  stricter,
  port,
  key,
}: Parameters<typeof startHaproxy>[0] & { port: number; key: string }): string => `global
  nbthread 1
  maxconn 4096
  log stdout format raw local0
defaults
  mode http
  log global
  timeout connect 3s
  timeout client 65s
  timeout server 20s
  http-reuse always
frontend gateway
  bind 127.0.0.1:${port}
  unique-id-format %[uuid()]
  unique-id-header x-request-id
  log-format '{"time":"%t","method":"%HM","route":"%HP","status":%ST,"durationMs":%Ta,"requestId":"%ID","account":"%[var(txn.sub)]","organization":"%[var(txn.org)]"}'
  http-request set-var(txn.token) http_auth_bearer
  http-request set-var(txn.sub) var(txn.token),jwt_payload_query('$.sub')
  http-request set-var(txn.org) var(txn.token),jwt_payload_query('$.org')
  http-request set-var(txn.exp) var(txn.token),jwt_payload_query('$.exp','int')
  http-request set-var(txn.now) date()
  http-request deny deny_status 401 unless { var(txn.token),jwt_header_query('$.alg') -m str RS256 }
  http-request deny deny_status 401 unless { var(txn.token),jwt_payload_query('$.iss') -m str ${issuer} }
  http-request deny deny_status 401 unless { var(txn.token),jwt_payload_query('$.aud') -m str ${audience} }
  http-request deny deny_status 401 if { var(txn.exp),sub(txn.now) -m int lt 0 }
  http-request deny deny_status 401 unless { var(txn.token),jwt_verify("RS256","${key}") -m int 1 }
  acl is_strict path_end ${stricter.path}
  http-request track-sc0 var(txn.sub) table strict if is_strict
  http-request track-sc0 var(txn.sub) table calls unless is_strict
  http-request deny deny_status 429 if is_strict { sc_http_req_rate(0,strict) gt ${stricter.limit} }
  http-request deny deny_status 429 if !is_strict { sc_http_req_rate(0,calls) gt ${limit} }
  http-request del-header authorization
  default_backend services
backend services
  server upstream ${new URL(upstream).host}
backend calls
  stick-table type string len 40 size 100k expire 60s store http_req_rate(60s)
backend strict
  stick-table type string len 40 size 100k expire 60s store http_req_rate(60s)
`
