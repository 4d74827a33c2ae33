import type { MiddlewareHandler } from 'hono'
import { PageError } from './errors.ts'

const LOOPBACK: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '[::1]'])

/**
 * Lets in who came to this machine by one of its own names: a foreign name that was made to point here (DNS rebinding)
 * would give its pages to another site's script.
 */
export const fromThisMachine: MiddlewareHandler = async (context, next) => {
  const host = context.req.header('host') ?? ''
  const { hostname } = parsed(`http://${host}`) ?? {}
  if (!hostname || !LOOPBACK.has(hostname))
    throw new PageError(403, 'The console answers on this machine alone, at localhost.')
  await next()
}

/**
 * Lets a form in only from a page of the console itself: browsers say where a form comes from (`Origin`,
 * `Sec-Fetch-Site`), and another site's page can forge neither. Who says nothing is refused.
 */
export const fromOwnForm: MiddlewareHandler = async (context, next) => {
  const origin = context.req.header('origin')
  const site = context.req.header('sec-fetch-site')
  const isOwn = origin === `http://${context.req.header('host')}`
  if (!isOwn || (site !== undefined && site !== 'same-origin'))
    throw new PageError(403, 'Actions are taken from the console’s own pages only.')
  await next()
}

const parsed = (url: string): URL | undefined => (URL.canParse(url) ? new URL(url) : undefined)
