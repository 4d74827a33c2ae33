import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createClosers } from './hub/closers.ts'
import { readHubConfig } from './hub/config.ts'
import { type Hub, startHub } from './hub/hub.ts'
import { terminalReport } from './hub/report.ts'
import { fillWithSample } from './hub/sample.ts'

// `npm start`: the whole hub in one terminal. Ctrl-C ends it.
const root = fileURLToPath(new URL('..', import.meta.url))
const report = terminalReport((text) => process.stdout.write(text))
const FORCED_STOP_MS = 4_800

/** How often we look whether whoever started us is still there. */
const PARENT_POLL_MS = 250

const closers = createClosers()
let started: Promise<Hub> | undefined
let stopping = false

const stop = async () => {
  if (stopping) return
  stopping = true
  report.say('\nStopping …')
  setTimeout(() => process.exit(1), FORCED_STOP_MS).unref()
  closers.interrupt()
  // A start that is under way ends at its next part, and stops what it has started.
  await started?.then(
    (hub) => hub.stop(),
    () => {},
  )
  process.exit(0)
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => void stop())

// npm runs us below a shell that passes no signal on: when it is ended, nobody tells us but the kernel.
if (process.env.npm_lifecycle_event === 'start') {
  const parent = process.ppid
  setInterval(() => {
    if (process.ppid !== parent) void stop()
  }, PARENT_POLL_MS).unref()
}

try {
  const startedAt = performance.now()
  const config = readHubConfig(process.env, root)
  report.say(`Learning Hub (data in ${config.dataDir})`)
  started = startHub(config, { report, closers })
  const hub = await started
  const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1)
  report.say(`Learning Hub is ready at ${hub.url} (${seconds} s; look around at ${hub.url}/_hub)`)
  const isEmpty = !existsSync(join(config.dataDir, 'sample.json'))
  if (config.sample && isEmpty) fillWithSample({ config, url: hub.url, report })
} catch (error) {
  // One sentence for a person; what went wrong inside is in the log of the data folder.
  if (!stopping) console.error(error instanceof Error ? error.message : String(error))
  process.exit(stopping ? 0 : 1)
}
