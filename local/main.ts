import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { readHubConfig } from './hub/config.ts'
import { startHub } from './hub/hub.ts'
import { terminalReport } from './hub/report.ts'
import { fillWithSample } from './hub/sample.ts'

// `npm start`: the whole hub in one terminal. Ctrl-C ends it.
const root = fileURLToPath(new URL('..', import.meta.url))
const report = terminalReport((text) => process.stdout.write(text))
const FORCED_STOP_MS = 4_800

try {
  const startedAt = performance.now()
  const config = readHubConfig(process.env, root)
  report.say(`Learning Hub (data in ${config.dataDir})`)
  const hub = await startHub(config, report)
  let stopping = false
  const stop = async () => {
    if (stopping) return
    stopping = true
    report.say('\nStopping …')
    setTimeout(() => process.exit(1), FORCED_STOP_MS).unref()
    await hub.stop()
    process.exit(0)
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => void stop())
  const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1)
  report.say(`Learning Hub is ready at ${hub.url} (${seconds} s; look around at ${hub.url}/_hub)`)
  const isEmpty = !existsSync(join(config.dataDir, 'sample.json'))
  if (config.sample && isEmpty) fillWithSample({ config, url: hub.url, report })
} catch (error) {
  // One sentence for a person; what went wrong inside is in the log of the data folder.
  console.error(error instanceof Error ? error.message : String(error))
  process.exit(1)
}
