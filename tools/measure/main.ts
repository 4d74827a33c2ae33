import { mkdir, rename, writeFile } from 'node:fs/promises'
import { arch, cpus, loadavg, platform, totalmem } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { type Narrator, terminalNarrator } from '../../local/demo/narrator.ts'
import { packageHub } from '../../local/package/package.ts'
import { type Assembled, assemble } from './assemble.ts'
import { type Campus, openCampus } from './campus.ts'
import { attendClass } from './class.ts'
import type { Measurement } from './function-figures.ts'
import { countOutbox } from './outbox-count.ts'
import { openMeasuredHub, refuseEngines, withDataFolder } from './own-hub.ts'
import { keysOf, readPackaged } from './packaged.ts'
import { openSender, requestsOf } from './requests.ts'
import { root } from './root.ts'
import { sendOnSchedule } from './schedule.ts'

// `npm run measure [-- --out FILE]`: what the functions do on one machine, with the embedded hub: the demo's main job,
// a small class of learners, and reads and writes at a modest pace. Written to docs/measurements/functions.json.

const LEARNERS = 6
const CALLS_PER_SECOND = 8
const CALL_SECONDS = 45

const measure = async (out: string): Promise<void> => {
  refuseEngines(process.env)
  const narrate = terminalNarrator()
  const [loadAtStart = 0] = loadavg()
  if (loadAtStart > cpus().length / 2)
    narrate.say(`The machine is busy (load ${loadAtStart.toFixed(1)}): durations will be too long.`)
  const packaged = await narrate.step('Package the functions', () =>
    packageHub({ root, reuse: true }),
  )
  const keys = keysOf(await readPackaged(packaged.templatePath))
  const { functions, missing } = await withDataFolder((dataDir) =>
    measureIn(dataDir, { keys, narrate }),
  )
  await write(out, { functions, loadAtStart })
  narrate.say(`${Object.keys(functions).length} functions measured: ${out}`)
  if (missing.length > 0) narrate.say(`Never invoked: ${missing.join(', ')}.`)
}

const measureIn = async (
  dataDir: string,
  { keys, narrate }: { keys: ReadonlySet<string>; narrate: Narrator },
): Promise<Assembled> => {
  const hub = await narrate.step('Start a hub to be measured', () => openMeasuredHub(dataDir))
  try {
    const counter = await countOutbox(dataDir)
    try {
      const campus = await openCampus(hub.url, narrate)
      await narrate.step(`${LEARNERS} learners take the course`, () => holdClass(campus))
      await narrate.step(`${CALLS_PER_SECOND} calls a second for ${CALL_SECONDS} s`, () =>
        callEvenly(campus),
      )
      await narrate.step('Wait until nothing runs', () => hub.quiet())
      return assemble({ report: await hub.report(), events: await counter.read(), keys })
    } finally {
      await counter.close()
    }
  } finally {
    await hub.stop()
  }
}

const holdClass = (campus: Campus) => {
  const run = Date.now().toString(36)
  return Promise.all(
    Array.from({ length: LEARNERS }, (_, index) => attendClass(campus, `learner-${run}-${index}`)),
  )
}

/** Each function behind the balancer in turn, with each of its calls in turn. */
const callEvenly = async (campus: Campus) => {
  const sender = openSender()
  const calls = Object.values(requestsOf(campus)).flat()
  const count = CALLS_PER_SECOND * CALL_SECONDS
  const dueMs = Array.from({ length: count }, (_, index) => (index * 1_000) / CALLS_PER_SECOND)
  const refused = new Map<string, number>()
  await sendOnSchedule(dueMs, async (index) => {
    const call = calls[index % calls.length]?.()
    if (!call) return
    const status = await sender.send(call)
    if (status < 200 || status >= 400) {
      const which = `${call.method} ${new URL(call.url).pathname} ${status}`
      refused.set(which, (refused.get(which) ?? 0) + 1)
    }
  })
  await sender.close()
  if (refused.size > 0)
    throw new Error(`Calls were refused: ${[...refused].map(([which, n]) => `${which} (${n})`)}.`)
}

/** Replaces the file as a whole. */
const write = async (
  out: string,
  { functions, loadAtStart }: Pick<Measurement, 'functions'> & { loadAtStart: number },
) => {
  const [processor] = cpus()
  const measurement: Measurement = {
    measuredAt: new Date().toISOString(),
    command: 'npm run measure',
    machine:
      `${cpus().length} x ${processor?.model.trim() ?? 'unknown'}, ` +
      `${Math.round(totalmem() / 1e9)} GB, ${platform()} ${arch()}, Node ${process.versions.node}, ` +
      `load ${loadAtStart.toFixed(1)} before it began`,
    functions,
  }
  await mkdir(dirname(out), { recursive: true })
  await writeFile(`${out}.new`, `${JSON.stringify(measurement, undefined, 2)}\n`)
  await rename(`${out}.new`, out)
}

try {
  const { values } = parseArgs({ options: { out: { type: 'string' } } })
  const out = values.out
    ? resolve(process.env.INIT_CWD ?? '.', values.out)
    : join(root, 'docs', 'measurements', 'functions.json')
  await measure(out)
  process.exit(0)
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error))
  process.exit(1)
}
