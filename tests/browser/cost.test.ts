import { pathToFileURL } from 'node:url'
import { beforeAll, describe, expect, it } from '@jest/globals'
import { runCost } from '../../tools/cost/run.ts'
import { focusExport, scratchFile } from '../../tools/cost/testing.ts'
import { DESKTOP, picture, type Screen, useBrowser, violationsOf } from './browser.ts'

// The cost owners' page as a person opens it: a file on their disk, without a server and without scripts.

const chromium = useBrowser()
let pageUrl: string

beforeAll(async () => {
  const path = await scratchFile('cost.html')
  const actual = await focusExport('video', [
    { service: 'AWS Lambda', month: '2026-09', usd: '39' },
    { service: 'AWS Lambda', month: '2026-10', usd: '30' },
    { service: 'Amazon Relational Database Service', month: '2026-09', usd: '509' },
    { service: 'Amazon Relational Database Service', month: '2026-10', usd: '500' },
  ])
  const complaints: string[] = []
  await runCost(['--actual', actual, '--html', path], {
    out() {},
    err: (text) => complaints.push(text),
  })
  expect(complaints).toEqual([])
  pageUrl = pathToFileURL(path).href
}, 120_000)

const SCREENS: readonly (readonly [string, Screen])[] = [
  ['wide', DESKTOP],
  ['narrow', { width: 390, height: 844, colorScheme: 'light' }],
]

describe('the cost page', () => {
  it.each(SCREENS)('lacks nothing that axe looks for: %s', async (name, screen) => {
    const { page, context, complaints } = await chromium.open(pageUrl, { screen })
    // Closed, a part could hide what is wrong with it.
    await page.evaluate('for (const part of document.querySelectorAll("details")) part.open = true')
    expect(await violationsOf(page)).toEqual([])
    expect(complaints).toEqual([])
    await picture(page, `cost-${name}`)
    await context.close()
  })

  it('fetches nothing, and never scrolls sideways as a whole', async () => {
    const { page, context } = await chromium.open(pageUrl, {
      screen: { width: 390, height: 844, colorScheme: 'light' },
    })
    const fetched: string[] = []
    page.on('request', (request) => fetched.push(request.url()))
    await page.reload()
    expect(fetched).toEqual([pageUrl])
    expect(await page.evaluate('document.documentElement.scrollWidth <= window.innerWidth')).toBe(
      true,
    )
    await context.close()
  })

  it('is read by keyboard: every plot and every table can be reached and scrolled', async () => {
    const { page, context } = await chromium.open(pageUrl)
    await page.evaluate('for (const part of document.querySelectorAll("details")) part.open = true')
    const parts = page.locator('[role=region], [role=img]')
    const labels = await parts.evaluateAll((all) =>
      all.map((part) => part.getAttribute('aria-label')),
    )
    expect(labels.length).toBeGreaterThan(10)
    const reached = new Set<string>()
    for (let presses = 0; presses < 3 * labels.length; presses += 1) {
      await page.keyboard.press('Tab')
      const label = await page.evaluate('document.activeElement?.getAttribute("aria-label") ?? ""')
      reached.add(String(label))
    }
    expect(labels.filter((label) => !label || !reached.has(label))).toEqual([])
    await context.close()
  })
})
