import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import * as z from 'zod'

// `npm run health -- ADDRESS [--version VERSION] [--within SECONDS]`: waits until the address answers well, and says that
// it is the version wanted. An address without a path is asked for /health.

const flagsSchema = z.object({
  address: z.url({ protocol: /^https?$/ }),
  version: z.string().min(1).optional(),
  within: z.coerce.number().int().min(1).max(1_800).default(120),
})
type Flags = z.output<typeof flagsSchema>

const ANSWER_TIMEOUT_MS = 5_000
const PAUSE_MS = 1_000
/** In a row: behind a balancer the first may be a replica that is about to go. */
const GOOD_ANSWERS_WANTED = 3

const readFlags = (): Flags => {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: { version: { type: 'string' }, within: { type: 'string' } },
    })
    if (positionals.length !== 1) throw new Error('one address')
    const { href, pathname } = new URL(positionals[0] ?? '')
    const address = pathname === '/' ? new URL('/health', href).href : href
    return flagsSchema.parse({ ...values, address })
  } catch {
    throw new Error(
      'It takes one http address, --version VERSION, and --within SECONDS with 1 to 1800.',
    )
  }
}

/** @returns undefined for a good answer, or what is wrong with it. */
const complaintAbout = async ({ address, version }: Flags): Promise<string | undefined> => {
  try {
    const response = await fetch(address, { signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS) })
    const text = await response.text()
    if (!response.ok) return `answers ${response.status}`
    if (version === undefined) return undefined
    const said = versionIn(text)
    return said === version ? undefined : `says it is version ${said ?? 'unknown'}, not ${version}`
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
    return `does not answer: ${cause instanceof Error ? cause.message : cause}`
  }
}

const versionIn = (text: string): string | undefined => {
  try {
    return z.object({ version: z.string() }).parse(JSON.parse(text)).version
  } catch {
    return undefined
  }
}

const waitUntilWell = async (flags: Flags): Promise<void> => {
  const deadline = performance.now() + flags.within * 1_000
  let complaint: string | undefined
  for (let good = 0; good < GOOD_ANSWERS_WANTED; ) {
    const current = await complaintAbout(flags)
    complaint = current ?? complaint
    good = current === undefined ? good + 1 : 0
    if (good === GOOD_ANSWERS_WANTED) return
    if (performance.now() >= deadline)
      throw new Error(`${flags.address} ${complaint}, after ${flags.within} s.`)
    await delay(good > 0 ? PAUSE_MS / 10 : PAUSE_MS)
  }
}

try {
  const flags = readFlags()
  await waitUntilWell(flags)
  const version = flags.version === undefined ? '' : ` as version ${flags.version}`
  console.log(`${flags.address} is well${version}.`)
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error))
  process.exit(1)
}
