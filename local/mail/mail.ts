import { randomUUID } from 'node:crypto'
import { appendFile, mkdir, readFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { join } from 'node:path'
import * as z from 'zod'

/** A mail as somebody would find it in the inbox. */
export type Mail = {
  readonly id: string
  readonly at: string
  readonly to: readonly string[]
  readonly from: string
  readonly subject: string
  readonly text: string
  readonly html: string
  readonly headers: Readonly<Record<string, string>>
  /** Of what it tells of, where its sender has said so. */
  readonly traceId?: string | undefined
}

export type MailServer = {
  readonly url: string
  /** Newest first. @param limit how many at the most. */
  list(options: { limit: number; to?: string }): readonly Mail[]
  close(): Promise<void>
}

const BODY_BYTES_MAX = 1_000_000
/** Older mails stay in the file and leave the page. */
const MAILS_SHOWN_MAX = 1_000

const address = z.object({ email: z.string(), name: z.string().optional() })

// The part of SendGrid's v3 Mail Send request that our notification service uses; anything else is refused.
const sendSchema = z.strictObject({
  personalizations: z
    .array(
      z.strictObject({
        to: z.array(address).min(1),
        headers: z.record(z.string(), z.string()).optional(),
        custom_args: z.record(z.string(), z.string()).optional(),
        substitutions: z.record(z.string(), z.string()).optional(),
      }),
    )
    .min(1),
  from: address,
  reply_to: address.optional(),
  subject: z.string().min(1),
  content: z.array(z.object({ type: z.string(), value: z.string().min(1) })).min(1),
  headers: z.record(z.string(), z.string()).optional(),
  custom_args: z.record(z.string(), z.string()).optional(),
  categories: z.array(z.string()).optional(),
  mail_settings: z.unknown().optional(),
  tracking_settings: z.unknown().optional(),
})

/**
 * SendGrid's `POST /v3/mail/send` on one machine: the official client talks to it unchanged. Mails are kept in
 * `dataDir`, one JSON line each.
 *
 * @param apiKey the only one that is let in.
 */
export const startMail = async ({
  dataDir,
  port,
  apiKey,
}: {
  dataDir: string
  port: number
  apiKey: string
}): Promise<MailServer> => {
  await mkdir(dataDir, { recursive: true })
  const file = join(dataDir, 'sent.jsonl')
  const mails = await readMails(file)
  const server = createServer((request, response) => {
    receive(request, { apiKey })
      .then(async (mail) => {
        await appendFile(file, `${JSON.stringify(mail)}\n`, { flush: true })
        mails.unshift(mail)
        mails.length = Math.min(mails.length, MAILS_SHOWN_MAX)
        response.writeHead(202, { 'x-message-id': mail.id }).end()
      })
      .catch((error: unknown) => refuse(response, error))
  })
  const url = await listen(server, port)
  return {
    url,
    list: ({ limit, to }) =>
      mails.filter((mail) => to === undefined || mail.to.includes(to)).slice(0, limit),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

class Refused extends Error {
  readonly status: number
  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

const receive = async (request: IncomingMessage, { apiKey }: { apiKey: string }): Promise<Mail> => {
  if (request.method !== 'POST' || request.url !== '/v3/mail/send')
    throw new Refused(404, 'not found')
  if (request.headers.authorization !== `Bearer ${apiKey}`)
    throw new Refused(401, 'The provided authorization grant is invalid, expired, or revoked')
  const parsed = sendSchema.safeParse(JSON.parse(await readBody(request)))
  if (!parsed.success) throw new Refused(400, z.prettifyError(parsed.error))
  const { personalizations, from, subject, content, headers, custom_args } = parsed.data
  const part = (type: string) => content.find((one) => one.type === type)?.value ?? ''
  return {
    id: randomUUID(),
    at: new Date().toISOString(),
    to: personalizations.flatMap(({ to }) => to.map(({ email }) => email)),
    from: from.email,
    subject,
    text: part('text/plain'),
    html: part('text/html'),
    headers: { ...headers, ...personalizations[0]?.headers },
    traceId: personalizations[0]?.custom_args?.traceId ?? custom_args?.traceId,
  }
}

const readBody = async (request: IncomingMessage): Promise<string> => {
  let text = ''
  for await (const chunk of request.setEncoding('utf8')) {
    text += chunk
    if (text.length > BODY_BYTES_MAX) throw new Refused(413, 'payload too large')
  }
  return text
}

// SendGrid's shape of an error.
const refuse = (response: ServerResponse, error: unknown) => {
  const status = error instanceof Refused ? error.status : error instanceof SyntaxError ? 400 : 500
  const message = error instanceof Error ? error.message : 'failed'
  response
    .writeHead(status, { 'content-type': 'application/json' })
    .end(JSON.stringify({ errors: [{ message, field: null, help: null }] }))
}

const readMails = async (file: string): Promise<Mail[]> => {
  const text = await readFile(file, 'utf8').catch(() => '')
  const whole = text.split('\n').filter((line) => line.endsWith('}'))
  return whole
    .slice(-MAILS_SHOWN_MAX)
    .map((line) => JSON.parse(line) as Mail)
    .reverse()
}

const listen = (server: Server, port: number): Promise<string> =>
  new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', () => {
      const bound = server.address()
      resolve(`http://127.0.0.1:${typeof bound === 'object' && bound ? bound.port : port}`)
    })
  })
