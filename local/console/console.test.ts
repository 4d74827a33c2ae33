import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals'
import { consume } from '../../shared/bus/consume.ts'
import type { InboundRecord } from '../../shared/bus/inbound.ts'
import type { Reactions } from '../../shared/bus/reaction.ts'
import { newId } from '../../shared/kernel/id.ts'
import { systemClock, toIso } from '../../shared/kernel/time.ts'
import { silentLog } from '../../shared/observe/logger.ts'
import { useDatabase } from '../../tests/support/database.ts'
import { eventually } from '../../tests/support/eventually.ts'
import { sampleFunction } from '../lambda/fixtures/lambda.ts'
import type { Mail } from '../mail/mail.ts'
import { CONSOLE_POLICY, createConsole } from './console.ts'
import { LETTERS_PER_PAGE, REDRIVEN_AT_ONCE_MAX } from './dead-letter-pages.ts'
import { openDeadLetters } from './dead-letters.ts'
import type { Parts } from './parts.ts'
import { createRedact } from './redact.ts'
import { aLag, aLogRing, COURSE_BUS, consoleLambda, shipping, startShipping } from './testing.ts'
import { openWorkflows } from './workflows.ts'

// Through the pages as a browser asks for them, over a real database, Lambda host and Step Functions.

const TRACE = '6b07b56fec674dd4bf58fb2a044616cf'
const TRACEPARENT = `00-${TRACE}-1d851100efbc1314-01`
const HOST = 'localhost:8080'
const ORIGIN = `http://${HOST}`
const TOPIC = 'hub.organization.v1'

const database = useDatabase()
let shipped: Awaited<ReturnType<typeof startShipping>>
let parts: Parts
let app: ReturnType<typeof createConsole>
const logs = aLogRing()
const mails: Mail[] = []
/** Whether the consumer can digest by now. */
let isMended = false
let offset = 0

const reactions: Reactions<unknown> = {
  async 'organization.updated'() {
    if (!isMended) throw new Error('a bug with <b>markup</b>')
  },
}
const options = () => ({
  ...{ consumer: 'course', reactions, deps: {}, clock: systemClock, log: silentLog },
  database: database.as('course', { connectionsMax: 2 }),
})

beforeAll(async () => {
  shipped = await startShipping()
  const letters = openDeadLetters({ url: database.url, consumers: ['course', 'content'] })
  const workflows = openWorkflows({ endpoint: shipped.url, region: 'us-east-1' })
  const lambda = consoleLambda(options)
  closers.push(
    () => letters.close(),
    async () => workflows.close(),
    lambda.close,
  )
  parts = {
    url: ORIGIN,
    template: {
      functions: ['hub-dev-contentBus', COURSE_BUS, 'echo', 'fail'].map((name) => ({
        ...sampleFunction('echo'),
        name,
      })),
      listenerRules: [],
      stateMachines: [shipping],
    },
    ...{ lambda, letters, workflows, logs },
    mail: { list: ({ limit }) => mails.slice(0, limit) },
    lag: async () => [aLag],
    redact: createRedact(),
    sample: async () => ({
      accounts: [
        { name: 'Ada', role: 'learner', email: 'ada@example.org', password: 'film-night' },
      ],
      links: [{ title: 'A course', url: `${ORIGIN}/courses/1` }],
    }),
    operator: 'ops',
  }
  app = createConsole(() => parts)
})
const closers: (() => Promise<void>)[] = []
afterAll(async () => {
  await shipped.close()
  for (const close of closers) await close()
})
beforeEach(async () => {
  isMended = false
  await database.query('truncate course.dead_letter, course.inbox')
})

const get = async (path: string, headers: Readonly<Record<string, string>> = {}) => {
  const answer = await app.request(`${ORIGIN}${path}`, { headers: { host: HOST, ...headers } })
  return { status: answer.status, headers: answer.headers, text: await answer.text() }
}
const post = async (
  path: string,
  form: Readonly<Record<string, string>> = {},
  headers: Readonly<Record<string, string>> = { origin: ORIGIN, 'sec-fetch-site': 'same-origin' },
) => {
  const answer = await app.request(`${ORIGIN}${path}`, {
    method: 'POST',
    headers: { host: HOST, ...headers },
    body: new URLSearchParams(form),
  })
  return {
    status: answer.status,
    location: answer.headers.get('location'),
    text: await answer.text(),
  }
}

const anEvent = (): InboundRecord => {
  offset += 1
  const organizationId = newId('organization')
  const envelope = {
    ...{ specversion: '1.0', id: newId('event'), source: '/organization' },
    ...{ type: 'organization.updated', subject: organizationId, time: toIso(systemClock()) },
    ...{ datacontenttype: 'application/json', organizationid: organizationId, actorid: 'system' },
    ...{ traceparent: TRACEPARENT, sequence: 1 },
    data: { organizationId, name: 'An <i>Academy</i>', slug: 'academy' },
  }
  return { topic: TOPIC, partition: 0, offset, key: 'key', value: JSON.stringify(envelope) }
}
const park = async (): Promise<string> => {
  expect(await consume(anEvent(), options())).toBe('parked')
  return `/_hub/dead-letters/course/${TOPIC}/0/${offset}`
}

describe('every page', () => {
  it.each([
    '/_hub',
    '/_hub/functions',
    '/_hub/events',
    '/_hub/dead-letters',
    '/_hub/workflows',
    '/_hub/logs',
    '/_hub/mail',
  ])(
    '%s comes whole, without anything inline, and under a policy that allows none',
    async (path) => {
      const { status, headers, text } = await get(path)
      expect(status).toBe(200)
      expect(headers.get('content-security-policy')).toBe(CONSOLE_POLICY)
      expect(text).toMatch(/^<!doctype html>\n<html lang="en">/)
      expect(text).not.toMatch(/<script(?![^>]*src=)|<style| style=| on\w+="/)
      expect(text).toContain('aria-current="page"')
    },
  )

  it.each([
    ['/_hub/nothing', 404],
    ['/_hub/assets/../console.ts', 404],
    ['/_hub/assets/constructor', 404],
    ['/_hub/dead-letters/course/topic/0/1', 404],
    ['/_hub/dead-letters/course/topic/zero/1', 404],
    ['/_hub/dead-letters/course/topic/0/-1', 404],
    ['/_hub/dead-letters/course/topic/0/99999999999999999999', 404],
    ['/_hub/dead-letters/nobody/topic/0/1', 404],
    ['/_hub/dead-letters?consumer=nobody', 404],
    ['/_hub/dead-letters?state=eaten', 400],
    ['/_hub/workflows/nothing/1', 404],
    ['/_hub/workflows/shipping/nothing', 404],
    [`/_hub/workflows/shipping/${'x'.repeat(400)}`, 404],
    ['/_hub/logs?trace=xyz', 400],
    ['/_hub/logs?level=LOUD', 400],
    [`/_hub/logs?text=${'x'.repeat(201)}`, 400],
  ])('%s is refused with %i and a sentence', async (path, status) => {
    const answer = await get(path)
    expect(answer.status).toBe(status)
    expect(answer.text).toMatch(/<p>[A-Z][^<]+\.<\/p>/)
  })

  it('says that the hub is starting until it has started', async () => {
    const starting = await createConsole(() => undefined).request(`${ORIGIN}/_hub`, {
      headers: { host: HOST },
    })
    expect(starting.status).toBe(503)
    expect(await starting.text()).toContain('is starting')
  })

  it.each(['evil.example', 'localhost.evil.example:8080', '10.0.0.7:8080', ''])(
    'is shown to nobody who came by the name %p',
    async (host) => expect((await get('/_hub', { host })).status).toBe(403),
  )

  it('says in one sentence that a part does not answer', async () => {
    const broken = createConsole(() => ({
      ...parts,
      lag: () => Promise.reject(new Error('password=hunter2')),
    }))
    const answer = await broken.request(`${ORIGIN}/_hub/events`, { headers: { host: HOST } })
    expect(answer.status).toBe(500)
    expect(await answer.text()).not.toContain('hunter2')
  })
})

describe('/_hub', () => {
  it('shows what runs, who can sign in, and what is behind and parked', async () => {
    await park()
    const { text } = await get('/_hub')
    for (const shown of ['ada@example.org', 'film-night', 'A course', 'shipping', 'echo'])
      expect(text).toContain(shown)
    expect(text).toMatch(/records behind<\/a><\/dt><dd>7</)
    expect(text).toMatch(/parked records<\/a><\/dt><dd>⚠ 1</)
  })
})

describe('/_hub/functions', () => {
  it('counts calls, throttles and failures against the reserve', async () => {
    await Promise.allSettled(Array.from({ length: 4 }, () => parts.lambda.invoke('echo', '{}')))
    await parts.lambda.invoke('fail', '{}')
    const { text } = await get('/_hub/functions')
    const row = (name: string) => new RegExp(`>${name}</a></th>(.*?)</tr>`, 's').exec(text)?.[1]
    expect(row('echo')).toMatch(/0 \/ 2 <meter aria-label="echo: 0 of 2" min="0" max="2"/)
    expect(row('echo')).toContain('⚠ 2')
    expect(row('fail')).toContain('no reserve')
    expect(row('fail')).toContain('⚠ 1')
    const report = JSON.parse((await get('/_hub/functions.json')).text)
    expect(report.functions.echo).toMatchObject({ invocations: 2, throttles: 2, reserved: 2 })
  })
})

describe('/_hub/events', () => {
  it('shows lag by mapping, and what is parked by consumer', async () => {
    await park()
    const { text } = await get('/_hub/events')
    expect(text).toMatch(/courseBus<\/th>.*hub\.organization\.v1.*>7<.*behind/s)
    expect(text).toContain(
      'href="/_hub/dead-letters?consumer=course">course</a></th><td class="figure">1<',
    )
  })
})

describe('dead letters', () => {
  it('are listed with their reason, and shown whole with a way to their trace', async () => {
    const path = await park()
    const listed = await get('/_hub/dead-letters')
    expect(listed.text).toContain(`href="${path}"`)
    expect(listed.text).toContain('a bug with &lt;b&gt;markup')
    const { text } = await get(path)
    expect(text).toContain(`/_hub/logs?trace=${TRACE}`)
    expect(text).toContain('organization.updated')
    expect(text).not.toContain('<i>Academy')
    expect((await get('/_hub/dead-letters?consumer=content')).text).toContain(
      'No record is parked.',
    )
  })

  it('hide what would let a reader in', async () => {
    const path = await park()
    await database.query(
      `update course.dead_letter set record = jsonb_set(record, '{value}', '"{\\"password\\":\\"hunter2-hunter2\\"}"')`,
    )
    expect((await get(path)).text).not.toContain('hunter2')
  })

  it('go through when they can be digested by now, and say so', async () => {
    const path = await park()
    expect(await post(`${path}/redrive`)).toMatchObject({
      status: 303,
      location: `${path}?note=still-parked`,
    })
    isMended = true
    const { location } = await post(`${path}/redrive`)
    expect(location).toBe(`${path}?note=redriven`)
    expect((await get(location ?? '')).text).toMatch(/role="status">The record went through\.</)
    expect((await post(`${path}/redrive`)).location).toBe(`${path}?note=not-parked`)
    expect((await get('/_hub/dead-letters')).text).toContain('No record is parked.')
    expect((await get('/_hub/dead-letters?state=redriven')).text).toContain(`href="${path}"`)
  })

  it('of one consumer are tried again all at once, and shown in pages', async () => {
    for (let count = 0; count <= LETTERS_PER_PAGE; count += 1) await park()
    const all = '/_hub/dead-letters?consumer=course'
    expect((await get(all)).text).toContain('page=2">Older</a>')
    const second = (await get(`${all}&page=2`)).text
    expect(second).toContain('page=1">Newer</a>')
    expect(second.match(/hub\.organization\.v1-0 @ /g)).toHaveLength(1)
    expect((await get(`${all}&page=0`)).status).toBe(400)
    isMended = true
    const { status, location } = await post('/_hub/dead-letters/course/redrive')
    expect({ status, location }).toEqual({
      status: 303,
      location: `${all}&redriven=${REDRIVEN_AT_ONCE_MAX}&failed=0`,
    })
    expect((await get(location ?? '')).text).toContain(
      `${REDRIVEN_AT_ONCE_MAX} went through, 0 failed again`,
    )
    await post('/_hub/dead-letters/course/redrive')
    const left = (await get(all)).text
    expect(left).toContain('No record is parked.')
    expect(left).not.toContain('Redrive all')
    expect((await post('/_hub/dead-letters/nobody/redrive')).status).toBe(404)
  })

  it('are discarded only after a page that asks, and keep who and why', async () => {
    const path = await park()
    const asked = await get(`${path}/discard`)
    expect(asked.text).toContain('Discard this record?')
    expect(asked.text).toContain('value="ops"')
    expect(await post(`${path}/discard`, { by: 'ops', reason: ' ' })).toMatchObject({ status: 400 })
    expect(await post(`${path}/discard`, { by: 'x'.repeat(101), reason: 'no' })).toMatchObject({
      status: 400,
    })
    expect((await get('/_hub/dead-letters')).text).toContain(path)
    const done = await post(`${path}/discard`, { by: 'Olga', reason: 'sent <twice>' })
    expect(done).toMatchObject({ status: 303, location: `${path}?note=discarded` })
    const { text } = await get(path)
    expect(text).toContain('Olga')
    expect(text).toContain('sent &lt;twice&gt;')
    expect(text).not.toContain('/redrive"')
    expect((await get('/_hub/events')).text).toContain('Nothing is parked.')
    expect((await get(`${path}/discard`)).status).toBe(303)
    expect((await post(`${path}/redrive`)).location).toBe(`${path}?note=not-parked`)
  })

  it.each<[string, Readonly<Record<string, string>>]>([
    ['another site', { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' }],
    ['another port', { origin: 'http://localhost:9', 'sec-fetch-site': 'same-site' }],
    ['a page that hides where it is', { origin: 'null', 'sec-fetch-site': 'cross-site' }],
    ['one that forges the origin alone', { origin: ORIGIN, 'sec-fetch-site': 'cross-site' }],
    ['whoever says nothing', {}],
  ])('take no form of %s', async (_, headers) => {
    const path = await park()
    isMended = true
    expect((await post(`${path}/redrive`, {}, headers)).status).toBe(403)
    const discarding = { by: 'eve', reason: 'fun' }
    expect((await post(`${path}/discard`, discarding, headers)).status).toBe(403)
    expect((await get('/_hub/dead-letters')).text).toContain(path)
  })

  it('say what is wrong when their consumer takes no call or fails, and stay', async () => {
    const path = await park()
    const over = (lambda: Partial<Parts['lambda']>) =>
      createConsole(() => ({ ...parts, lambda: { ...parts.lambda, ...lambda } })).request(
        `${ORIGIN}${path}/redrive`,
        { method: 'POST', headers: { host: HOST, origin: ORIGIN } },
      )
    const failed = await over({
      invoke: async () => ({
        ...{ statusCode: 200, requestId: '1', payload: '{}', functionError: 'Unhandled' },
      }),
    })
    expect(failed.status).toBe(502)
    const throttled = await over({ invoke: () => parts.lambda.invoke('nobody', '{}') })
    expect(throttled.status).toBe(503)
    expect((await get('/_hub/dead-letters')).text).toContain(path)
  })
})

const ENDED_WELL = /<dt>state<\/dt><dd><span class="badge good">/

describe('workflows', () => {
  const executionOf = async (name: string, input: object, until: RegExp) => {
    await shipped.start(name, { traceparent: TRACEPARENT, isFar: false, ...input })
    return eventually(async () => {
      const { text } = await get(`/_hub/workflows/shipping/${name}`)
      expect(text).toMatch(until)
      return text
    })
  }
  const node = (text: string, state: string) =>
    new RegExp(`<g class="node (\\w+)">(?:(?!</g>).)*>${state}</text>\\s*<text[^>]*>([^<]*)<`, 's')
      .exec(text)
      ?.slice(1)

  it('draw where an execution has been, with inputs, outputs and its trace', async () => {
    const text = await executionOf('light', { kilos: 5, password: 'hunter2-hunter2' }, ENDED_WELL)
    expect(node(text, 'Weigh')).toEqual(['succeeded', '✓ succeeded'])
    expect(node(text, 'Done')).toEqual(['succeeded', '✓ succeeded'])
    expect(node(text, 'Fly')).toEqual(['none', 'not reached'])
    expect(text).toContain(`/_hub/logs?trace=${TRACE}`)
    expect(text).toContain('Output of 1. Weigh')
    expect(text).toContain('&quot;weight&quot;: 5')
    expect(text).not.toContain('hunter2')
    expect(text).not.toContain('live.js')
  })

  it('show a state that is entered, live, until it is left', async () => {
    const running = await executionOf(
      'far',
      { isFar: true, kilos: 1 },
      /node running">(?:(?!<\/g>).)*>Fly</s,
    )
    expect(node(running, 'Fly')).toEqual(['running', '● running'])
    expect(running).toContain('live.js')
    shipped.land()
    await eventually(async () => {
      const { text } = await get('/_hub/workflows/shipping/far')
      expect(node(text, 'Fly')).toEqual(['succeeded', '✓ succeeded'])
    })
  })

  it('tell tries, caught errors and how it ended', async () => {
    const heavy = await executionOf(
      'heavy',
      { kilos: 500 },
      /<dt>state<\/dt><dd><span class="badge bad">/,
    )
    expect(node(heavy, 'Weigh')).toEqual(['caught', '⚠ failed, caught'])
    expect(node(heavy, 'Refuse')).toEqual(['failed', '✕ failed'])
    expect(heavy).toContain('Try 1 failed: TooHeavy')
    const hiccup = await executionOf('hiccup', { kilos: 60 }, ENDED_WELL)
    expect(node(hiccup, 'Weigh')?.[0]).toBe('succeeded')
  })

  it('are listed by machine, newest first', async () => {
    await executionOf('listed', { kilos: 1 }, ENDED_WELL)
    const { text } = await get('/_hub/workflows')
    expect(text).toContain('href="/_hub/workflows/shipping/listed"')
    expect(text.indexOf('shipping/listed')).toBeLessThan(text.indexOf('shipping/light'))
  })
})

describe('logs', () => {
  it('are found by trace, function, level and text, and hold no secret', async () => {
    const line = (fields: object) => JSON.stringify(fields)
    const at = '2026-01-01T00:00:00.000Z'
    logs.add(
      at,
      'hub-dev-courseBus',
      line({ level: 'ERROR', message: 'event parked', trace: TRACE }),
    )
    logs.add(at, 'gateway', line({ message: 'request', authorization: 'Bearer abcdefgh12345678' }))
    logs.add(at, 'gateway', 'opened with the-hubs-own-secret')
    const { text } = await get(
      `/_hub/logs?trace=${TRACEPARENT}&level=ERROR&function=hub-dev-courseBus`,
    )
    expect(text).toContain('1 of 3 lines fit.')
    expect(text).toContain('event parked')
    expect(text).toContain('<option value="hub-dev-courseBus" selected>')
    const all = await get('/_hub/logs?trace=&level=&function=&text=')
    expect(all.text).toContain('3 of 3 lines fit.')
    expect(all.text).not.toMatch(/abcdefgh12345678|the-hubs-own-secret/)
    expect((await get('/_hub/logs?text=abcdefgh12345678')).text).toContain('No line fits.')
  })
})

describe('mail', () => {
  it('is shown as text with its links and its trace', async () => {
    mails.push({
      ...{
        id: '1',
        at: '2026-01-01T00:00:00.000Z',
        to: ['ada@example.org'],
        from: 'hub@example.org',
      },
      ...{
        subject: 'Hello <Ada>',
        text: `Open ${ORIGIN}/verify?token=1 now`,
        html: '',
        headers: {},
      },
      traceId: TRACE,
    })
    const { text } = await get('/_hub/mail')
    expect(text).toContain('Hello &lt;Ada&gt;')
    expect(text).toContain(`<a href="${ORIGIN}/verify?token=1">`)
    expect(text).toContain(`/_hub/logs?trace=${TRACE}`)
    expect(JSON.parse((await get('/_hub/mail.json')).text)).toHaveLength(1)
  })
})
