import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import type { FunctionsReport } from '../../local/hub/functions-report.ts'
import { assemble } from './assemble.ts'
import { overTimeout, readMeasurement } from './function-figures.ts'
import { sendOnSchedule } from './schedule.ts'

const keys = new Set(['courseHttp', 'courseBus', 'courseJobs'])
const distribution = { count: 4, mean: 12.345_678, p50: 10, p95: 20, p99: 30, max: 31 }
const counted = {
  ...{ invocations: 4, errors: 0, timeouts: 0, throttles: 0, coldStarts: 1, running: 0 },
  ...{ runningMax: 1, reserved: null, provisioned: null, environments: 1, idle: 1 },
  ...{ durationMs: distribution, initMs: distribution, waitMs: null },
}
const report = (functions: FunctionsReport['functions']): FunctionsReport => ({
  ...{ functions, queued: 0, unreserved: { running: 0, max: 1_000 } },
})

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hub-measure-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

describe('a measurement', () => {
  it('joins durations with events, and names the functions that were never called', () => {
    const { functions, missing } = assemble({
      report: report({
        courseHttp: counted,
        courseBus: { ...counted, initMs: null },
        courseJobs: { ...counted, invocations: 0, durationMs: null },
      }),
      events: new Map([['courseHttp', 3]]),
      keys,
    })
    expect(functions).toEqual({
      courseHttp: {
        invocations: 4,
        durationMs: { mean: 12.346, p50: 10, p95: 20, p99: 30 },
        initMs: { p50: 10, p95: 20 },
        maxMemoryMb: null,
        eventsPerInvocation: 0.75,
      },
      courseBus: expect.objectContaining({ initMs: null, eventsPerInvocation: 0 }),
    })
    expect(missing).toEqual(['courseJobs'])
  })

  it('refuses a hub that runs what is not packaged', () => {
    const options = { report: report({ goneHttp: counted }), events: new Map(), keys }
    expect(() => assemble(options)).toThrow(/not packaged: goneHttp/)
  })

  it('is read again as it was written, and refused with the line that is wrong', async () => {
    const file = join(folder, 'functions.json')
    const { functions } = assemble({
      ...{ report: report({ courseHttp: counted }), events: new Map(), keys },
    })
    const measurement = {
      ...{ measuredAt: '2026-11-20T08:00:00.000Z', command: 'npm run measure', machine: 'one' },
      functions,
    }
    const text = JSON.stringify(measurement, undefined, 2)
    await writeFile(file, text)
    expect(await readMeasurement(file, keys)).toEqual(measurement)
    const refused = async (broken: string, with_: ReadonlySet<string> = keys) => {
      await writeFile(file, broken)
      return readMeasurement(file, with_).then(
        () => 'accepted',
        (error: Error) => error.message,
      )
    }
    expect(await refused(text.replace('"mean": 12', '"mean": -12'))).toMatch(
      /functions\.json:9: functions\.courseHttp\.durationMs\.mean: /,
    )
    expect(await refused(text.replace('"p50": 10', '"p50": 21'))).toMatch(
      /functions\.json:11: functions\.courseHttp\.durationMs\.p95: below p50/,
    )
    expect(await refused(text.replace('"p99": 30', '"p99": 19'))).toMatch(
      /functions\.json:12: functions\.courseHttp\.durationMs\.p99: below p95/,
    )
    expect(
      await refused(text.replace(/"eventsPerInvocation": [\d.]+/, '"eventsPerInvocation": 1e9')),
    ).toMatch(/functions\.json:\d+: functions\.courseHttp\.eventsPerInvocation: Too big/)
    expect(await refused(text, new Set())).toMatch(/functions\.json:6: courseHttp is no function/)
    expect(await refused(text.replace('"initMs"', '"init"'))).toMatch(/functions\.json:\d+: /)
    expect(await refused(text.slice(0, -3))).toMatch(/functions\.json:\d+: this is not JSON/)
    await rm(file)
    expect(await readMeasurement(file, keys).catch(String)).toMatch(/npm run measure to make one/)
    await expect(readFile(file)).rejects.toThrow()
  })
})

describe('durations', () => {
  const durationMs = { mean: 500_000, p50: 10, p95: 20, p99: 3_100 }

  it('cannot be longer than a function may run, but for the moment that ending it takes', () => {
    expect(overTimeout(durationMs, 15)).toEqual({
      ...{ name: 'mean', reason: 'mean is 500000 ms, and its timeout is 15 s' },
    })
    expect(overTimeout({ ...durationMs, mean: 900 }, 3)).toBeUndefined()
    expect(overTimeout({ ...durationMs, mean: 900 }, 2)?.name).toBe('p99')
  })

  it('are refused with their line where they are', async () => {
    const file = join(folder, 'long.json')
    const functions = {
      courseHttp: {
        ...{ invocations: 1, durationMs: { mean: 40_000, p50: 10, p95: 20, p99: 30 } },
        ...{ initMs: null, maxMemoryMb: null, eventsPerInvocation: 0 },
      },
    }
    const measurement = {
      ...{ measuredAt: '2026-11-20T08:00:00.000Z', command: 'by hand', machine: 'one', functions },
    }
    await writeFile(file, `\uFEFF${JSON.stringify(measurement, undefined, 2)}`)
    await expect(readMeasurement(file, keys, new Map([['courseHttp', 60]]))).resolves.toBeDefined()
    await expect(readMeasurement(file, keys, new Map([['courseHttp', 15]]))).rejects.toThrow(
      /long\.json:9: courseHttp: mean is 40000 ms, and its timeout is 15 s\.$/,
    )
  })
})

describe('sending on a schedule', () => {
  it('begins each at its moment though the first never seems to end, and waits for all', async () => {
    const begun: number[] = []
    const { promise, resolve } = Promise.withResolvers<void>()
    await sendOnSchedule([0, 10, 20, 30], async (index, intendedAt) => {
      expect(performance.now()).toBeGreaterThanOrEqual(intendedAt)
      begun.push(index)
      if (index === 0) await promise
      if (index === 3) resolve()
    })
    expect(begun).toEqual([0, 1, 2, 3])
  })

  it('tells of a failure once all have begun', async () => {
    const begun: number[] = []
    const sending = sendOnSchedule([0, 1, 2], async (index) => {
      begun.push(index)
      if (index === 0) throw new Error('refused')
    })
    await expect(sending).rejects.toThrow('refused')
    expect(begun).toEqual([0, 1, 2])
  })
})
