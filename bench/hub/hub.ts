import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { Bench } from '../harness/bench.ts'
import { processTree, residentBytes } from '../harness/processes.ts'
import { dataFolder, root, startHubIn } from './process.ts'

/** Where `local/package` keeps what it has packaged of this checkout. */
const packages = join(root, 'node_modules', '.cache', 'hub-package')

const secondsToReady = async (dataDir: string): Promise<number> => {
  const { process, seconds } = await startHubIn(dataDir)
  await process.stop()
  return seconds
}

const startsOnce = async () => {
  const [first, second] = [await dataFolder(), await dataFolder()]
  try {
    await rm(packages, { recursive: true, force: true })
    const coldSeconds = await secondsToReady(first.path)
    const packagedSeconds = await secondsToReady(second.path)
    const restartSeconds = await secondsToReady(second.path)
    return { coldSeconds, packagedSeconds, restartSeconds }
  } finally {
    await Promise.all([first.remove(), second.remove()])
  }
}

export const hubStart: Bench = {
  name: 'hub-start',
  title: 'A whole hub on one machine, from `npm start` to its first healthy answer.',
  rounds: 2,
  contenders: [{ name: 'hub', start: async () => ({ round: startsOnce, stop: async () => {} }) }],
  goals: [
    { metric: 'coldSeconds', atMost: 60 },
    { metric: 'restartSeconds', atMost: 10 },
  ],
  notes: [
    'Cold: the data folder is empty and nothing is packaged, so all functions are bundled first. Packaged: the data folder ' +
      'is empty, and the packages of the same sources are at hand. Restart: with both. Node’s packages are installed.',
  ],
}

const IDLE_MS = 60_000
/** The schedules go round once a minute: looked at so often, over the minute after. */
const LOOKS = 12
const LOOK_INTERVAL_MS = 5_000

export const idleHub: Bench = {
  name: 'idle-hub',
  title:
    'Resident memory of a whole hub, engines included, in the second minute after it got ready and with nothing to do.',
  rounds: 1,
  contenders: [
    {
      name: 'hub',
      async start() {
        const folder = await dataFolder()
        return {
          async round() {
            const { process } = await startHubIn(folder.path)
            try {
              await pause(IDLE_MS)
              const looks = []
              for (let look = 0; look < LOOKS; look += 1) {
                await pause(LOOK_INTERVAL_MS)
                looks.push(residentBytes(processTree(process.pid)) / 1e6)
              }
              const mean = looks.reduce((sum, one) => sum + one, 0) / LOOKS
              return { megabytes: mean, largestMegabytes: Math.max(...looks) }
            } finally {
              await process.stop()
            }
          },
          stop: folder.remove,
        }
      },
    },
  ],
  goals: [{ metric: 'megabytes', atMost: 600 }],
  notes: [
    `The whole process tree: hub, gateway and PostgreSQL. Pages that several processes share count once (PSS). \`megabytes\` is the mean of ${LOOKS} looks, \`largestMegabytes\` the largest.`,
    'Of functions only those are alive that a schedule has called within the last 20 s, a thread each, with its own copy of its bundle and heap.',
  ],
}
