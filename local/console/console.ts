import { type Context, Hono } from 'hono'
import * as z from 'zod'
import { functionsReport } from '../hub/functions-report.ts'
import { asset } from './assets.ts'
import {
  discardPage,
  isNote,
  LETTERS_PER_PAGE,
  letterPage,
  letterPath,
  lettersPage,
  type Note,
} from './dead-letter-pages.ts'
import type { LetterDetails } from './dead-letters.ts'
import { badRequest, notFound, PageError } from './errors.ts'
import { eventsPage, lagOf } from './events-page.ts'
import { functionsPage } from './functions-page.ts'
import { fromOwnForm, fromThisMachine } from './guard.ts'
import { consumersOf, discardLetter, redriveAll, redriveLetter } from './letter-actions.ts'
import { LEVELS, traceIdIn } from './log-ring.ts'
import { logsPage } from './logs-page.ts'
import { MAILS_SHOWN_MAX, mailPage } from './mail-page.ts'
import { overviewPage } from './overview-page.ts'
import type { Parts } from './parts.ts'
import { errorPage, startingPage } from './visitor-pages.ts'
import { EXECUTIONS_SHOWN_MAX, executionPage, workflowsPage } from './workflow-pages.ts'

/** Nothing but this machine's own files: no inline script or style, no frame, no form that leads elsewhere. */
export const CONSOLE_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

/**
 * The pages at `/_hub`: what the hub on this machine is doing, and what an operator may do about dead letters.
 *
 * @param parts undefined while the hub is starting.
 */
export const createConsole = (parts: () => Parts | undefined): Hono<Env> => {
  const app = new Hono<Env>()
  app.use(fromThisMachine)
  app.use(async (context, next) => {
    await next()
    context.header('content-security-policy', CONSOLE_POLICY)
    context.header('x-content-type-options', 'nosniff')
    context.header('referrer-policy', 'same-origin')
    context.header('cache-control', 'no-store')
  })
  app.get('/_hub/assets/:name', async (context) => {
    const file = await asset(context.req.param('name'))
    if (!file) throw notFound('There is no such file.')
    return context.body(file.text, 200, { 'content-type': file.type })
  })
  app.use(async (context, next) => {
    const known = parts()
    if (!known) return context.html(startingPage(), 503)
    context.set('parts', known)
    await next()
  })
  app.post('*', fromOwnForm)
  addLooks(app)
  addLetters(app)
  app.notFound((context) => context.html(errorPage(404, 'There is no such page.'), 404))
  app.onError((error, context) => {
    if (error instanceof PageError)
      return context.html(errorPage(error.status, error.message), error.status)
    const sentence = 'A part of the hub did not answer; the terminal and logs/hub.log may say why.'
    return context.html(errorPage(500, sentence), 500)
  })
  return app
}

type Env = { Variables: { parts: Parts } }

const addLooks = (app: Hono<Env>) => {
  app.get('/_hub', async ({ html, var: { parts } }) => {
    const [lags, parked, sample] = await Promise.all([
      parts.lag(),
      parts.letters.parked(),
      parts.sample(),
    ])
    const behind = lags.reduce((sum, mapping) => sum + lagOf(mapping), 0)
    const parkedSum = [...parked.values()].reduce((sum, each) => sum + each, 0)
    return html(overviewPage({ parts, sample, behind, parked: parkedSum }))
  })
  app.get('/_hub/functions', ({ html, var: { parts } }) => html(functionsPage(parts)))
  app.get('/_hub/functions.json', ({ json, var: { parts } }) =>
    json(functionsReport(parts.lambda.stats())),
  )
  app.get('/_hub/events', async ({ html, var: { parts } }) => {
    const [lags, parked] = await Promise.all([parts.lag(), parts.letters.parked()])
    return html(eventsPage({ lags, parked }))
  })
  app.get('/_hub/workflows', async ({ html, var: { parts } }) => {
    const machines = parts.template.stateMachines.map(async ({ name, arn }) => ({
      name,
      executions: await parts.workflows.list(arn, { limit: EXECUTIONS_SHOWN_MAX }),
    }))
    return html(workflowsPage(await Promise.all(machines)))
  })
  app.get('/_hub/workflows/:machine/:execution', async ({ html, req, var: { parts } }) => {
    const { machine, execution } = req.param()
    const known = parts.template.stateMachines.find(({ name }) => name === machine)
    if (!known) throw notFound('There is no such state machine.')
    const found = await parts.workflows.find(known.arn, execution)
    if (!found) throw notFound('There is no such execution.')
    return html(executionPage(machine, found, parts))
  })
  app.get('/_hub/mail', ({ html, var: { parts } }) =>
    html(mailPage(parts.mail.list({ limit: MAILS_SHOWN_MAX }))),
  )
  app.get('/_hub/mail.json', ({ json, req, var: { parts } }) => {
    const to = req.query('to')
    return json(parts.mail.list({ limit: MAILS_SHOWN_MAX, ...(to !== undefined && { to }) }))
  })
  app.get('/_hub/logs', ({ html, req, var: { parts } }) => {
    const { trace, function: source, level, text } = read(searchSchema, req.query())
    return html(logsPage(parts.logs, { trace, source, level, text }))
  })
}

/** A field of a form that was left empty is not asked for. */
const optional = <Schema extends z.ZodType>(schema: Schema) =>
  z.preprocess((given) => (given === '' ? undefined : given), schema.optional())

const searchSchema = z.object({
  trace: optional(
    z
      .string()
      .trim()
      .transform((given, context) => {
        const trace = traceIdIn(given)
        if (trace === undefined)
          context.addIssue({ code: 'custom', message: 'A trace id has 32 hex digits.' })
        return trace
      }),
  ),
  function: optional(z.string().max(200, 'No function has so long a name.')),
  level: optional(z.enum(LEVELS, { error: `A level is one of ${LEVELS.join(', ')}.` })),
  text: optional(z.string().max(200, 'What is searched for has 200 characters at the most.')),
})

const addLetters = (app: Hono<Env>) => {
  app.get('/_hub/dead-letters', async ({ html, req, var: { parts } }) => {
    const { consumer, state, page, redriven, failed } = read(lettersSchema, req.query())
    if (consumer !== undefined && !consumersOf(parts.template).has(consumer))
      throw notFound('There is no such consumer.')
    const [letters, parked] = await Promise.all([
      parts.letters.list({ consumer, state, page, limit: LETTERS_PER_PAGE }),
      parts.letters.parked(),
    ])
    const redrive = redriven === undefined ? undefined : { redriven, failed: failed ?? 0 }
    return html(lettersPage({ letters, parked, consumer, state, pageNumber: page, redrive }))
  })
  app.post('/_hub/dead-letters/:consumer/redrive', async (context) => {
    const consumer = context.req.param('consumer')
    const { redriven, failed } = await redriveAll(context.var.parts, consumer)
    const done = new URLSearchParams({ consumer, redriven: `${redriven}`, failed: `${failed}` })
    return context.redirect(`/_hub/dead-letters?${done}`, 303)
  })
  const path = '/_hub/dead-letters/:consumer/:topic/:partition/:offset'
  app.get(path, async (context) => {
    const note = context.req.query('note')
    const letter = await letterAt(context)
    const { redact } = context.var.parts
    return context.html(letterPage(letter, { note: isNote(note) ? note : undefined, redact }))
  })
  app.get(`${path}/discard`, async (context) => {
    const letter = await letterAt(context)
    if (letter.state !== 'parked') return after(context, letter, 'not-parked')
    return context.html(discardPage(letter, context.var.parts))
  })
  app.post(`${path}/redrive`, async (context) => {
    const letter = await letterAt(context)
    return after(context, letter, await redriveLetter(context.var.parts, letter))
  })
  app.post(`${path}/discard`, async (context) => {
    const letter = await letterAt(context)
    const { by, reason } = read(discardSchema, await context.req.parseBody())
    const { consumer, place } = letter
    const note = await discardLetter(context.var.parts, { consumer, place, by, reason })
    return after(context, letter, note)
  })
}

const countSchema = z.coerce.number().int().min(0).max(1_000)

const lettersSchema = z.object({
  consumer: optional(z.string().max(100, 'No consumer has so long a name.')),
  state: z
    .enum(['parked', 'redriven', 'discarded'], {
      error: 'A record is parked, redriven or discarded.',
    })
    .default('parked'),
  page: z.coerce.number('A page is a number.').int().min(1).max(1_000).default(1),
  redriven: optional(countSchema),
  failed: optional(countSchema),
})

const discardSchema = z.object({
  by: z
    .string('Say who you are.')
    .trim()
    .min(1, 'Say who you are.')
    .max(100, 'A name has 100 characters at the most.'),
  reason: z
    .string('Say why.')
    .trim()
    .min(1, 'Say why.')
    .max(500, 'A reason has 500 characters at the most.'),
})

const placeSchema = z.object({
  consumer: z.string().max(100),
  topic: z.string().max(249),
  partition: z.coerce.number().int().min(0).max(2_147_483_647),
  offset: z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER),
})

const letterAt = async (context: Context<Env>): Promise<LetterDetails> => {
  const named = placeSchema.safeParse(context.req.param())
  if (!named.success) throw notFound('There is no such record.')
  const { consumer, ...place } = named.data
  const letter = await context.var.parts.letters.find(consumer, place)
  if (!letter) throw notFound('There is no such record.')
  return letter
}

/** The page is asked for anew, so that reloading it repeats nothing. */
const after = (context: Context<Env>, { consumer, place }: LetterDetails, note: Note) =>
  context.redirect(`${letterPath(consumer, place)}?note=${note}`, 303)

const read = <Schema extends z.ZodType>(schema: Schema, given: unknown): z.output<Schema> => {
  const parsed = schema.safeParse(given)
  if (parsed.success) return parsed.data
  throw badRequest(parsed.error.issues[0]?.message ?? 'That cannot be read.')
}
