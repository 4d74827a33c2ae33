import { createLineLog } from '../../../eks-workloads/gateway/log.ts'
import { openBus } from '../../../shared/bus/open.ts'
import { systemClock } from '../../../shared/kernel/time.ts'
import { consumeAll } from './consumers.ts'
import { plantCrash } from './crash-point.ts'
import { serveDoors } from './doors.ts'
import { publisherLoop } from './publisher-loop.ts'
import { readSettings } from './settings.ts'

// One part of the campus as a process of its own, so that it can be killed, frozen, or given another clock. What it
// runs is what deploys; only the way in is ours. It ends with its parent.
const settings = readSettings(process.env)
const log = createLineLog((lines) => process.stdout.write(lines), systemClock)
const wrapBus = settings.CRASH ? plantCrash(settings.CRASH) : undefined
process.on('disconnect', () => process.exit(0))

const busOf = async () => {
  const bus = await openBus(settings, { log })
  return wrapBus?.(bus) ?? bus
}

switch (settings.ROLE) {
  case 'doors':
    await serveDoors(settings, log)
    break
  case 'publisher':
    publisherLoop(settings, { bus: await busOf(), log })
    break
  case 'consumers':
    consumeAll(settings, { bus: await busOf(), log })
    break
}
process.send?.('ready')
