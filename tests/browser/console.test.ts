import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import pg from 'pg'
import type { Page } from 'playwright-core'
import { ownerUrlIn } from '../../local/hub/owner-url.ts'
import { ensureEventLog } from '../../shared/bus/embedded/ensure.ts'
import { openEmbeddedBus } from '../../shared/bus/embedded.ts'
import { newId } from '../../shared/kernel/id.ts'
import { systemClock, toIso } from '../../shared/kernel/time.ts'
import { silentLog } from '../../shared/observe/logger.ts'
import { useHub } from '../flow/hub.ts'
import { eventually } from '../support/eventually.ts'
import { DESKTOP, picture, type Screen, useBrowser, violationsOf } from './browser.ts'

// The console of a whole hub with its sample course, as a person has it: read, watched, and operated by keyboard.

const running = useHub({ HUB_SAMPLE: 'on' })
const chromium = useBrowser()

const SAMPLE_TIMEOUT_MS = 240_000
const TOPIC = 'hub.organization.v1'
const TRACE = '6b07b56fec674dd4bf58fb2a044616cf'

let database: pg.Client
const urlOf = (path: string) => `${running.hub.url}${path}`

beforeAll(async () => {
  const { dataDir } = running.hub
  const databaseUrl = await ownerUrlIn(dataDir)
  database = new pg.Client({ connectionString: databaseUrl })
  // The hub may end its database before we have.
  database.on('error', () => {})
  await database.connect()
  await sendPoison({ dataDir, databaseUrl })
  await eventually(() => expect(existsSync(join(dataDir, 'sample.json'))).toBe(true), {
    timeoutMs: SAMPLE_TIMEOUT_MS,
  })
}, SAMPLE_TIMEOUT_MS)
afterAll(() => database.end())

/** What no consumer can digest, on a topic that several read. */
const sendPoison = async ({ dataDir, databaseUrl }: { dataDir: string; databaseUrl: string }) => {
  const secrets = JSON.parse(await readFile(join(dataDir, 'secrets.json'), 'utf8'))
  const rolePassword = secrets.values['database:services']
  const bus = openEmbeddedBus({
    url: await ensureEventLog({ databaseUrl, rolePassword }),
    log: silentLog,
  })
  await bus.send(
    ['<not> an event', 'nor "this"'].map((value) => ({ topic: TOPIC, key: 'poison', value })),
  )
  await bus.close()
  await eventually(async () => {
    const { rows } = await database.query('select 1 from course.dead_letter')
    expect(rows).toHaveLength(2)
  })
}

const letterOf = async (value: string): Promise<string> => {
  const { rows } = await database.query(
    `select topic, partition, record_offset from course.dead_letter where record ->> 'value' = $1`,
    [value],
  )
  const [{ topic, partition, record_offset }] = rows
  return `/_hub/dead-letters/course/${topic}/${partition}/${record_offset}`
}

const hrefOf = async (page: Page, path: string, selector: string): Promise<string> => {
  await page.goto(urlOf(path))
  return (await page.locator(selector).first().getAttribute('href')) ?? ''
}

const SCREENS: readonly (readonly [string, Screen])[] = [
  ['light', DESKTOP],
  ['dark', { ...DESKTOP, colorScheme: 'dark' }],
  ['narrow', { width: 390, height: 844, colorScheme: 'light' }],
  ['narrow-dark', { width: 390, height: 844, colorScheme: 'dark' }],
]

describe.each(SCREENS)('on a %s screen', (name, screen) => {
  it.each([
    ['overview', '/_hub'],
    ['functions', '/_hub/functions'],
    ['events', '/_hub/events'],
    ['dead-letters', '/_hub/dead-letters'],
    ['dead-letter', () => letterOf('<not> an event')],
    ['discard', async () => `${await letterOf('<not> an event')}/discard`],
    ['workflows', '/_hub/workflows'],
    ['execution', async (page: Page) => hrefOf(page, '/_hub/workflows', 'a[href*="/vid_"]')],
    ['logs', '/_hub/logs'],
    ['logs-of-errors', '/_hub/logs?level=ERROR'],
    ['mail', '/_hub/mail'],
    ['not-found', '/_hub/nothing'],
    ['verify', '/verify?token=1'],
    ['reset', '/reset?token=1'],
  ] as const)(
    '%s has no violation, and no line that runs out of the window',
    async (title, where) => {
      const { page, context, complaints } = await chromium.open(urlOf('/_hub'), { screen })
      const path = typeof where === 'function' ? await where(page) : where
      await page.goto(urlOf(path))
      if (title === 'execution') await page.locator('summary').nth(1).click()
      await picture(page, `${name}-${title}`)
      expect(await violationsOf(page)).toEqual([])
      expect(
        await page.evaluate(
          'document.documentElement.scrollWidth - document.documentElement.clientWidth',
        ),
      ).toBe(0)
      expect(complaints.filter((one) => !/404 \(Not Found\)/.test(one))).toEqual([])
      await context.close()
    },
  )
})

describe('live figures', () => {
  const callsOf = async (page: Page): Promise<number> =>
    Number(
      await page
        .locator('tr', { has: page.getByRole('link', { name: 'certificateHttp' }) })
        .locator('td')
        .nth(3)
        .textContent(),
    )

  /** What anybody may ask for, at once and often: the certificate's public page. */
  const load = async () => {
    const sample = JSON.parse(await readFile(join(running.hub.dataDir, 'sample.json'), 'utf8'))
    const page = sample.links.find(({ url }: { url: string }) => url.includes('/v1/certificates/'))
    const answers = await Promise.all(Array.from({ length: LOAD_CALLS }, () => fetch(page.url)))
    expect(answers.map(({ status }) => status)).toEqual(Array(LOAD_CALLS).fill(200))
  }
  const LOAD_CALLS = 20

  it('follow what runs, and keep the focus where it is', async () => {
    const { page, context } = await chromium.open(urlOf('/_hub/functions'))
    const link = page.getByRole('link', { name: 'certificateHttp' })
    await link.focus()
    const before = await callsOf(page)
    await load()
    await eventually(async () => expect(await callsOf(page)).toBe(before + LOAD_CALLS), {
      timeoutMs: 15_000,
    })
    expect(await page.evaluate('document.activeElement.textContent')).toBe('certificateHttp')
    await context.close()
  })

  it.each([
    ['paused', `document.querySelector('#refresh button').click()`],
    [
      'hidden',
      `Object.defineProperty(document, 'hidden', { value: true, configurable: true }); document.dispatchEvent(new Event('visibilitychange'))`,
    ],
  ])('ask for nothing while the page is %s, and go on afterwards', async (_, rest) => {
    const { page, context } = await chromium.open('about:blank')
    await page.clock.install()
    await page.goto(urlOf('/_hub/functions'))
    let asked = 0
    page.on('request', (request) => {
      if (request.resourceType() === 'fetch') asked += 1
    })
    await page.clock.runFor(2_500)
    await eventually(() => expect(asked).toBeGreaterThan(0))
    await page.evaluate(rest)
    const before = asked
    await page.clock.runFor(60_000)
    expect(asked).toBe(before)
    await page.evaluate(
      rest.includes('hidden')
        ? `delete document.hidden; document.dispatchEvent(new Event('visibilitychange'))`
        : rest,
    )
    await eventually(() => expect(asked).toBeGreaterThan(before))
    await context.close()
  })
})

describe('the API description', () => {
  it('is drawn under its policy', async () => {
    const { page, context, complaints } = await chromium.open(urlOf('/docs'))
    await page.locator('.opblock-summary').first().waitFor()
    expect(complaints).toEqual([])
    await context.close()
  })
})

describe('a mail’s link', () => {
  it('asks before it does anything, and says what came of it', async () => {
    const { page, context } = await chromium.open(urlOf('/verify?token=none'))
    await page.getByLabel('New password').fill('a brand new password')
    await page.getByRole('button', { name: 'Confirm your address' }).click()
    await page.locator('#said:not(:empty)').waitFor()
    expect(await page.locator('#said').textContent()).toMatch(/\.$/)
    await context.close()
  })
})

describe('without a script', () => {
  it('all there is to look at is there', async () => {
    const { page, context } = await chromium.open(urlOf('/_hub/functions'), { isScripted: false })
    expect(await page.getByRole('link', { name: 'courseHttp' }).isVisible()).toBe(true)
    await page.goto(urlOf('/_hub/workflows'))
    await page.locator('a[href*="/vid_"]').first().click()
    expect(await page.locator('svg .name', { hasText: 'Transcode' }).count()).toBe(1)
    await context.close()
  })
})

describe('an execution', () => {
  it('is drawn with its states, tells how each went, and leads to its trace’s lines', async () => {
    const { page, context } = await chromium.open(urlOf('/_hub/workflows'))
    await page.locator('a[href*="/vid_"]').first().click()
    expect(await page.locator('.node.succeeded .name').allTextContents()).toEqual(
      expect.arrayContaining(['Probe', 'Transcode', 'Verify', 'Publish', 'Published']),
    )
    expect(await page.locator('.node.none .name').allTextContents()).toContain('MarkFailed')
    await page.getByText('1. Probe', { exact: false }).first().click()
    expect(await page.getByRole('region', { name: 'Input of 1. Probe' }).textContent()).toContain(
      '"videoId"',
    )
    await page.locator('a[href^="/_hub/logs?trace="]').first().click()
    expect(await page.getByRole('heading', { name: 'Logs' }).isVisible()).toBe(true)
    expect(await page.locator('tbody tr').count()).toBeGreaterThan(0)
    await context.close()
  })
})

describe('a dead letter, by keyboard alone', () => {
  /** Tab after tab, as somebody without a mouse goes. */
  const tabTo = async (page: Page, name: string) => {
    for (let press = 0; press < TABS_MAX; press += 1) {
      await page.keyboard.press('Tab')
      if ((await page.evaluate('document.activeElement.textContent')) === name) return
    }
    throw new Error(`${name} is not reached with ${TABS_MAX} presses`)
  }
  const TABS_MAX = 40

  it('is redriven, and goes through once it can be digested', async () => {
    const path = await letterOf('nor "this"')
    const { page, context } = await chromium.open(urlOf('/_hub/dead-letters?consumer=course'))
    await tabTo(page, await nameAt(page, path))
    await page.keyboard.press('Enter')
    await page.waitForURL(urlOf(path))
    await tabTo(page, 'Redrive')
    await page.keyboard.press('Enter')
    await page.getByText('The record failed again and is still parked.').waitFor()
    await mend('nor "this"')
    await tabTo(page, 'Redrive')
    await page.keyboard.press('Enter')
    await page.getByText('The record went through.').waitFor()
    await context.close()
  })

  it('is discarded with a name and a reason, after a page that asks', async () => {
    const path = await letterOf('<not> an event')
    const { page, context } = await chromium.open(urlOf(path))
    await tabTo(page, 'Discard …')
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { name: 'Discard this record?' }).waitFor()
    for (let press = 0; press < TABS_MAX; press += 1) {
      await page.keyboard.press('Tab')
      if ((await page.evaluate('document.activeElement.id')) === 'by') break
    }
    await page.keyboard.type('Olga')
    await page.keyboard.press('Tab')
    await page.keyboard.type('no event at all')
    await page.keyboard.press('Tab')
    await page.keyboard.press('Enter')
    await page.getByText('The record is discarded.').waitFor()
    const { rows } = await database.query(
      `select discarded_by, discard_reason from course.dead_letter where discarded_at is not null`,
    )
    expect(rows).toEqual([{ discarded_by: 'Olga', discard_reason: 'no event at all' }])
    await context.close()
  })

  const nameAt = async (page: Page, path: string) =>
    (await page.locator(`a[href="${path}"]`).textContent()) ?? ''

  /** The record becomes an event that its consumer has no reaction to, so that nothing can be wrong with it. */
  const mend = (value: string) =>
    database.query(
      `update course.dead_letter set record = jsonb_set(record, '{value}', to_jsonb($2::text)) where record ->> 'value' = $1`,
      [
        value,
        JSON.stringify({
          ...{ specversion: '1.0', id: newId('event'), source: '/organization' },
          ...{ type: 'organization.renamed', subject: 'org_1', time: toIso(systemClock()) },
          ...{ datacontenttype: 'application/json', actorid: 'system' },
          ...{ traceparent: `00-${TRACE}-1d851100efbc1314-01`, sequence: 1, data: {} },
        }),
      ],
    )
})

describe('a form of another site', () => {
  it('does nothing', async () => {
    const { page, context } = await chromium.open('about:blank')
    const path = await letterOf('<not> an event')
    await page.setContent(
      `<form method="post" action="${urlOf(`${path}/redrive`)}"><button>Win a prize</button></form>`,
    )
    const answer = page.waitForResponse(/redrive$/)
    await page.getByRole('button').click()
    expect((await answer).status()).toBe(403)
    await context.close()
  })
})
