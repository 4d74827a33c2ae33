import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { engineFolder } from '../../tests/support/engines/folder.ts'
import { debianProgram, goProgram, run } from '../../tests/support/engines/toolbox.ts'

const VEGETA = 'github.com/tsenart/vegeta/v12@v12.13.0'

export type Target = {
  readonly method: string
  readonly url: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

export type OpenLoop = {
  readonly requests: number
  /** Answered per second, from the first request's intended time to the last answer. */
  readonly rps: number
  readonly p50Ms: number
  readonly p99Ms: number
  /** Answers per status; `0` counts those that got none. */
  readonly statuses: Readonly<Record<string, number>>
}

/**
 * Requests on a fixed schedule, whatever the server does: latencies count from the intended moment, so a stall is seen
 * by all that it delays (vegeta).
 *
 * @param targets taken in turn, once each when there are as many as requests.
 */
export const openLoop = async (options: {
  readonly targets: readonly Target[]
  readonly requestsPerSecond: number
  readonly seconds: number
}): Promise<OpenLoop> => {
  const vegeta = await goProgram(VEGETA)
  const folder = await engineFolder('load')
  // Late on a busy machine, vegeta would leave the last ones out at the end of the duration.
  const isEachOnce = options.targets.length === options.requestsPerSecond * options.seconds
  try {
    const [targets, results] = [join(folder.path, 'targets'), join(folder.path, 'results')]
    await writeFile(targets, options.targets.map((target) => `${asJson(target)}\n`).join(''))
    await run(vegeta, [
      ...['attack', '-format=json', `-targets=${targets}`, `-output=${results}`],
      `-rate=${options.requestsPerSecond}/1s`,
      ...(isEachOnce ? ['-lazy'] : [`-duration=${options.seconds}s`]),
      ...['-timeout=30s', '-max-connections=256', '-keepalive=true'],
    ])
    const report = JSON.parse(await run(vegeta, ['report', '-type=json', results]))
    return {
      requests: report.requests,
      rps: report.throughput,
      p50Ms: report.latencies['50th'] / NANOSECONDS_PER_MS,
      p99Ms: report.latencies['99th'] / NANOSECONDS_PER_MS,
      statuses: report.status_codes,
    }
  } finally {
    await folder.remove()
  }
}

const NANOSECONDS_PER_MS = 1e6

const asJson = ({ method, url, headers = {}, body }: Target): string =>
  JSON.stringify({
    method,
    url,
    header: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, [value]])),
    ...(body !== undefined && { body: Buffer.from(body).toString('base64') }),
  })

export type Saturation = {
  readonly requests: number
  readonly rps: number
  /** Answers other than 2xx and 3xx. */
  readonly refused: number
}

/**
 * As many requests as the server takes, one after the other on each connection (wrk). Such a loop waits with a server
 * that stalls, so its latencies say nothing: only the rate is kept.
 *
 * @param options.calls sent in turn, where the requests differ from each other; their urls are paths.
 */
export const saturate = async (options: {
  readonly url: string
  readonly connections: number
  readonly seconds: number
  readonly headers?: Readonly<Record<string, string>>
  readonly calls?: readonly Target[]
}): Promise<Saturation> => {
  const wrk = await debianProgram('wrk', ['wrk'])
  const folder = await engineFolder('load')
  const script = join(folder.path, 'load.lua')
  await writeFile(script, `${options.calls ? inTurn(options.calls) : ''}\n${REPORT}`)
  const headers = Object.entries(options.headers ?? {}).flatMap(([name, value]) => [
    '-H',
    `${name}: ${value}`,
  ])
  const output = await run(wrk, [
    ...['-t', '1', '-c', String(options.connections), '-d', `${options.seconds}s`],
    ...['-s', script, ...headers, options.url],
  ])
  await folder.remove()
  const { requests, microseconds, refused } = JSON.parse(output.trim().split('\n').at(-1) ?? '{}')
  return { requests, rps: requests / (microseconds / 1e6), refused }
}

const REPORT = `
function done(summary)
  io.write(string.format('\\n{"requests":%d,"microseconds":%d,"refused":%d}\\n',
    summary.requests, summary.duration, summary.errors.status))
end
`

const inTurn = (calls: readonly Target[]): string => {
  const requests = calls.map(({ method, url, headers = {}, body }) => {
    const fields = Object.entries(headers).map(
      ([name, value]) => `[${JSON.stringify(name)}]=${JSON.stringify(value)}`,
    )
    const parts = [method, url].map((text) => JSON.stringify(text))
    const sent = body === undefined ? 'nil' : JSON.stringify(body)
    return `wrk.format(${parts.join(', ')}, {${fields.join(',')}}, ${sent})`
  })
  return `
local calls, next = {}, 0
function init()
  calls = {${requests.join(',\n')}}
end
function request()
  next = next % #calls + 1
  return calls[next]
end`
}
