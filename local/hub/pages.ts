import { createReadStream, existsSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createRequire } from 'node:module'
import { dirname, extname, join } from 'node:path'
import { Readable } from 'node:stream'
import { startBalancer } from '../balancer/balancer.ts'
import { CONSOLE_POLICY, createConsole } from '../console/console.ts'
import type { Parts } from '../console/parts.ts'
import { docsPage, mailTokenPage, startingPage } from '../console/visitor-pages.ts'
import { type HubConfig, StartError } from './config.ts'

export type Pages = {
  /** From now on the hub is ready: `/health` answers 200 and `/_hub` shows what runs. */
  ready(parts: Parts): void
  close(): Promise<void>
}

/**
 * The public balancer: `/_hub`, `/docs` and `/health` belong to this machine, everything else to the gateway.
 * Listens at once, so that a port in use is found before anything else is started; on loopback alone, because the pages
 * show sample passwords and mail, and let an operator act without signing in.
 *
 * @throws StartError when the port is taken.
 */
export const startPages = async ({
  config,
  url,
  gatewayUrl,
}: {
  config: HubConfig
  url: string
  gatewayUrl: string
}): Promise<Pages> => {
  const state: { parts: Parts | undefined } = { parts: undefined }
  const opsConsole = createConsole(() => state.parts)
  const server = createServer((request, response) => {
    // `//` alone is no path that a URL can be made of.
    const { pathname, searchParams } = new URL(`/${(request.url ?? '').replace(/^\/+/, '')}`, url)
    if (pathname === '/_hub' || pathname.startsWith('/_hub/'))
      return void consoleAnswer(opsConsole, request, response, url)
    send(response, show({ pathname, searchParams }, state.parts !== undefined))
  })
  const pagesUrl = await new Promise<string>((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const bound = server.address()
      resolve(`http://127.0.0.1:${typeof bound === 'object' && bound ? bound.port : 0}`)
    })
  })
  const to = (target: string, priority: number, values: string[]) => ({
    priority,
    conditions: [{ field: 'path' as const, values }],
    url: target,
  })
  const balancer = await startBalancer({
    port: config.port,
    rules: [
      to(pagesUrl, 1, ['/', '/health', '/_hub', '/_hub/*']),
      to(pagesUrl, 2, ['/docs', '/docs/*', '/verify', '/reset', '/join']),
      to(gatewayUrl, 3, ['/*']),
    ],
    invoke: async () => {
      throw new Error('the public balancer has no function targets')
    },
  }).catch((error: unknown) => {
    server.close()
    throw new StartError(
      error instanceof Error && 'code' in error && error.code === 'EADDRINUSE'
        ? `Port ${config.port} is in use; set PORT to another.`
        : `Port ${config.port} cannot be used (${error instanceof Error ? error.message : error}).`,
    )
  })
  return {
    ready: (parts) => {
      state.parts = parts
    },
    async close() {
      await balancer.close()
      server.close()
      server.closeAllConnections()
    },
  }
}

/** The console's forms are two short fields. */
const FORM_BYTES_MAX = 16 * 1_024

const consoleAnswer = async (
  { fetch }: ReturnType<typeof createConsole>,
  request: IncomingMessage,
  response: ServerResponse,
  url: string,
): Promise<void> => {
  try {
    const body = await readForm(request)
    if (body === undefined)
      return send(response, { status: 413, type: 'text/plain', body: 'Payload Too Large' })
    const { method = 'GET' } = request
    const answer = await fetch(
      new Request(new URL(request.url ?? '/', url), {
        method,
        headers: Object.entries(request.headers).map(([name, value]) => [name, String(value)]),
        ...(method !== 'GET' && method !== 'HEAD' && { body }),
      }),
    )
    response.writeHead(answer.status, Object.fromEntries(answer.headers))
    if (answer.body)
      Readable.fromWeb(answer.body as Parameters<typeof Readable.fromWeb>[0]).pipe(response)
    else response.end()
  } catch {
    // A method or a header that no request may have.
    send(response, { status: 400, type: 'text/plain', body: 'Bad Request' })
  }
}

const readForm = async (request: IncomingMessage): Promise<Buffer | undefined> => {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request) {
    bytes += chunk.length
    if (bytes > FORM_BYTES_MAX) return undefined
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

type Page = {
  readonly status?: number
  readonly type?: string
  readonly body?: string
  readonly location?: string
  readonly file?: string
  readonly policy?: string
}

const show = (
  { pathname, searchParams }: Pick<URL, 'pathname' | 'searchParams'>,
  isReady: boolean,
): Page => {
  if (pathname === '/health') {
    const body = JSON.stringify({ status: isReady ? 'ready' : 'starting' })
    return { status: isReady ? 200 : 503, type: 'application/json', body }
  }
  if (pathname === '/') return { status: 302, location: '/_hub' }
  if (pathname === '/docs') return { body: docsPage(), policy: DOCS_POLICY }
  if (pathname.startsWith('/docs/')) return swaggerFile(pathname.slice('/docs/'.length))
  if (!isReady) return { status: 503, body: startingPage() }
  const mailed = mailTokenPage(pathname, searchParams.get('token') ?? '')
  return mailed ? { body: mailed } : { status: 404, type: 'text/plain', body: 'Not Found' }
}

const swaggerFolder = dirname(
  createRequire(import.meta.url).resolve('swagger-ui-dist/package.json'),
)

const SWAGGER_FILES: Readonly<Record<string, string>> = {
  '.css': 'text/css',
  '.js': 'text/javascript',
  '.png': 'image/png',
}

const swaggerFile = (name: string): Page => {
  const type = SWAGGER_FILES[extname(name)]
  const file = join(swaggerFolder, name)
  const isPlain = /^[\w.-]+$/.test(name)
  return type && isPlain && existsSync(file)
    ? { type, file }
    : { status: 404, type: 'text/plain', body: 'Not Found' }
}

// Swagger UI writes styles into its elements, and its pictures into its style sheet.
const DOCS_POLICY =
  "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'"

const send = (response: ServerResponse, page: Page) => {
  response.writeHead(page.status ?? 200, {
    'content-type': `${page.type ?? 'text/html'}; charset=utf-8`,
    'content-security-policy': page.policy ?? CONSOLE_POLICY,
    'x-content-type-options': 'nosniff',
    ...(page.location && { location: page.location }),
  })
  if (page.file) createReadStream(page.file).pipe(response)
  else response.end(page.body ?? '')
}
