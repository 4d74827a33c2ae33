import { readFile } from 'node:fs/promises'
import { type EngineProcess, startEngine } from '../../support/engines/process.ts'
import { debianProgram } from '../../support/engines/toolbox.ts'
import type { Campus } from '../campus/campus.ts'
import { runOnCampus } from '../campus/run.ts'
import type { FaultRow } from '../fault-row.ts'
import { untilAcknowledged } from '../measure.ts'

const FAILURES = { slice: 1, long: 6 }
const OPERATIONS_BETWEEN = 20

/**
 * From some moment on every fsync of the database fails, as a dying disk's does. It must stop without acknowledging
 * what it could not make durable; on a healthy disk it comes back with everything it ever said yes to.
 */
export const fsyncFails: FaultRow = {
  row: 14,
  name: 'fsync fails',
  async run(context) {
    const strace = await debianProgram('strace', ['strace'])
    return runOnCampus(context, {
      options: { durable: true },
      load: { operationsPerActor: 10_000 },
      async strike(campus, { signal, endLoad }) {
        const random = context.random.fork('failures')
        const healedMs: number[] = []
        while (healedMs.length < FAILURES[context.isLong ? 'long' : 'slice'] && !signal.aborted) {
          const { operations } = campus.history
          await campus.history.reached(
            operations.length + 10 + random.int(OPERATIONS_BETWEEN),
            signal,
          )
          const injector = await inject(strace, campus)
          // It stops by itself, or the row hangs and fails.
          await campus.database.server().exited
          await injector.kill()
          await campus.database.start()
          healedMs.push(await untilAcknowledged(campus))
        }
        endLoad()
        return { faults: healedMs.length, healedMs }
      },
    })
  },
}

/** Lets every fsync and fdatasync of all of PostgreSQL's processes fail, those to come included. */
const inject = async (strace: string, { database }: Campus): Promise<EngineProcess> => {
  const pid = String(await database.postmaster())
  const calls = 'trace=fsync,fdatasync,sync_file_range'
  return startEngine({
    program: strace,
    args: ['-f', '-qq', '-o', '/dev/null', '-e', calls]
      .concat(['-e', 'inject=fsync,fdatasync:error=EIO', '-p', pid])
      .concat((await backendsOf(pid)).flatMap((backend) => ['-p', backend])),
    // It is attached once the kernel says who traces.
    ready: () => isTraced(pid),
  })
}

const backendsOf = async (postmaster: string): Promise<readonly string[]> => {
  const children = await readFile(`/proc/${postmaster}/task/${postmaster}/children`, 'utf8')
  return children.trim().split(' ').filter(Boolean)
}

/** @throws unless somebody traces the process. */
const isTraced = async (pid: string): Promise<void> => {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  if (/^TracerPid:\t0$/m.test(status)) throw new Error('nobody traces it yet')
}
