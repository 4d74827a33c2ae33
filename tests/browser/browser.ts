import { mkdir, readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { afterAll, beforeAll } from '@jest/globals'
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'

const axeFile = createRequire(import.meta.url).resolve('axe-core/axe.min.js')

export type Screen = {
  readonly width: number
  readonly height: number
  readonly colorScheme: 'light' | 'dark'
}

export const DESKTOP: Screen = { width: 1280, height: 900, colorScheme: 'light' }

/** One Chromium for a test file; each page has a context of its own. */
export const useBrowser = () => {
  const state: { browser: Browser | undefined } = { browser: undefined }
  beforeAll(async () => {
    state.browser = await chromium.launch({
      executablePath: process.env.HUB_CHROMIUM ?? 'chromium',
      // Root in a container has no other sandbox; the only pages opened are our own.
      args: process.getuid?.() === 0 ? ['--no-sandbox'] : [],
    })
  })
  afterAll(async () => state.browser?.close())
  return {
    /** @param isScripted whether scripts run. */
    async open(
      url: string,
      { screen = DESKTOP, isScripted = true }: { screen?: Screen; isScripted?: boolean } = {},
    ): Promise<{ page: Page; context: BrowserContext; complaints: string[] }> {
      if (!state.browser) throw new Error('the browser has not started')
      const context = await state.browser.newContext({
        viewport: { width: screen.width, height: screen.height },
        colorScheme: screen.colorScheme,
        javaScriptEnabled: isScripted,
      })
      const page = await context.newPage()
      const complaints: string[] = []
      page.on('pageerror', (error) => complaints.push(String(error)))
      page.on('console', (message) => {
        if (message.type() === 'error') complaints.push(message.text())
      })
      await page.goto(url)
      return { page, context, complaints }
    },
  }
}

type Violation = { id: string; help: string; nodes: { html: string; failureSummary: string }[] }

/** What axe finds wrong with a page, as lines that a person can act on. */
export const violationsOf = async (page: Page): Promise<readonly string[]> => {
  // Evaluated by the debugger, which the page's own policy does not bind.
  await page.evaluate(`${await axeSource()}; undefined`)
  const { violations } = (await page.evaluate(
    `axe.run(document, { resultTypes: ['violations'], runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] })`,
  )) as { violations: Violation[] }
  return violations.flatMap(({ id, help, nodes }) =>
    nodes
      .slice(0, 3)
      .map(({ html, failureSummary }) => `${id}: ${help}\n${html}\n${failureSummary}`),
  )
}

const axeSource = () => readFile(axeFile, 'utf8')

/** Keeps a picture where `HUB_SCREENSHOTS` names a folder, for a person to look at. */
export const picture = async (page: Page, name: string): Promise<void> => {
  const folder = process.env.HUB_SCREENSHOTS
  if (!folder) return
  await mkdir(folder, { recursive: true })
  await page.screenshot({ path: join(folder, `${name}.png`), fullPage: true })
}
