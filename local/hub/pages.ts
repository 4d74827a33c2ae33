import { createReadStream, existsSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createRequire } from 'node:module'
import { dirname, extname, join } from 'node:path'
import { startBalancer } from '../balancer/balancer.ts'
import type { Lambda } from '../lambda/lambda.ts'
import type { MailServer } from '../mail/mail.ts'
import type { Template } from '../template/template.ts'
import { type HubConfig, StartError } from './config.ts'
import { readJson } from './data-folder.ts'
import { functionsReport } from './functions-report.ts'
import { docsPage, hubPage, mailPage, mailTokenPage, type Sample, startingPage } from './html.ts'

export type Pages = {
  /** From now on the hub is ready: `/health` answers 200 and `/_hub` shows what runs. */
  ready(parts: Parts): void
  close(): Promise<void>
}

type Parts = { readonly template: Template; readonly lambda: Lambda; readonly mail: MailServer }

const MAILS_SHOWN_MAX = 100

/**
 * The public balancer: `/_hub`, `/docs` and `/health` belong to this machine, everything else to the gateway.
 * Listens at once, so that a port in use is found before anything else is started.
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
  const sampleFile = join(config.dataDir, 'sample.json')
  const server = createServer((request, response) => {
    show(request, { url, parts: state.parts, sampleFile })
      .then((page) => send(response, page))
      .catch(() => send(response, { status: 500, type: 'text/plain', body: 'failed' }))
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
    host: '0.0.0.0',
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

type Page = {
  readonly status?: number
  readonly type?: string
  readonly body?: string
  readonly location?: string
  readonly file?: string
}

const show = async (
  request: IncomingMessage,
  { url, parts, sampleFile }: { url: string; parts: Parts | undefined; sampleFile: string },
): Promise<Page> => {
  const { pathname, searchParams } = new URL(request.url ?? '/', url)
  if (pathname === '/health') {
    const body = JSON.stringify({ status: parts ? 'ready' : 'starting' })
    return { status: parts ? 200 : 503, type: 'application/json', body }
  }
  if (pathname === '/') return { status: 302, location: '/_hub' }
  if (pathname === '/docs') return { body: docsPage() }
  if (pathname.startsWith('/docs/')) return swaggerFile(pathname.slice('/docs/'.length))
  if (!parts) return { status: 503, body: startingPage() }
  const sample = (await readJson(sampleFile)) as Sample | undefined
  if (pathname === '/_hub')
    return { body: hubPage({ url, template: parts.template, stats: parts.lambda.stats(), sample }) }
  if (pathname === '/_hub/functions.json') {
    const body = JSON.stringify(functionsReport(parts.lambda.stats()))
    return { type: 'application/json', body }
  }
  if (pathname === '/_hub/mail')
    return { body: mailPage(parts.mail.list({ limit: MAILS_SHOWN_MAX })) }
  if (pathname === '/_hub/mail.json') {
    const to = searchParams.get('to') ?? undefined
    const mails = parts.mail.list({ limit: MAILS_SHOWN_MAX, ...(to !== undefined && { to }) })
    return { type: 'application/json', body: JSON.stringify(mails) }
  }
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

// Pages that hold nothing but this machine's own words: no script of others, no frame.
const POLICY =
  "default-src 'self'; style-src 'self' 'unsafe-inline'; script-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'"

const send = (response: ServerResponse, page: Page) => {
  response.writeHead(page.status ?? 200, {
    'content-type': `${page.type ?? 'text/html'}; charset=utf-8`,
    'content-security-policy': POLICY,
    'x-content-type-options': 'nosniff',
    ...(page.location && { location: page.location }),
  })
  if (page.file) createReadStream(page.file).pipe(response)
  else response.end(page.body ?? '')
}
