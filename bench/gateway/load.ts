import { newId } from '../../shared/kernel/id.ts'
import { openLoop, saturate, type Target } from '../harness/load.ts'
import { cpuSeconds } from '../harness/processes.ts'
import type { Callers } from './callers.ts'

/** Paths that end so are counted as `media`, and have a limit that nearly every call is over. */
export const STRICT_PATH = '/download'

const CONNECTIONS = 32
const SATURATE_SECONDS = 8
const OPEN_LOOP_SECONDS = 6
/** Of a hundred calls. */
const INVALID = 5
const OVER_LIMIT = 2
/** Each caller has one call a minute of those that count as over the limit. */
const SHARE_TOLERANCE = 0.005

/** A hundred calls: most are answered, some hold no valid token, some come too often. */
export const callsOf = ({ callers, invalidTokens }: Callers): readonly Target[] =>
  Array.from({ length: 100 }, (_, index) => {
    const person = index % callers.length
    const isInvalid = index % (100 / INVALID) === 7
    const isOverLimit = index % (100 / OVER_LIMIT) === 11
    const token = isInvalid ? invalidTokens[person] : callers[person]?.token
    const path = isOverLimit
      ? `/v1/media/${newId('media')}${STRICT_PATH}`
      : `/v1/courses/${newId('course')}`
    return {
      method: 'GET',
      url: path,
      headers: {
        authorization: `Bearer ${token}`,
        accept: 'application/json',
        'user-agent': 'bench',
        'x-forwarded-for': '203.0.113.7',
        'x-forwarded-proto': 'https',
      },
    }
  })

/**
 * A round against one proxy: as much as it takes, then half of that on a fixed schedule.
 *
 * @param refuses false for a proxy without duties, which answers everybody.
 * @throws an Error when it answers others than it should.
 */
export const roundOf = async (options: {
  readonly url: string
  readonly pid: number
  readonly calls: readonly Target[]
  readonly refuses: boolean
}) => {
  const { url, pid, calls } = options
  const before = cpuSeconds([pid])
  const { requests, rps, refused } = await saturate({
    url,
    connections: CONNECTIONS,
    seconds: SATURATE_SECONDS,
    calls,
  })
  const cpu = cpuSeconds([pid]) - before
  const expected = options.refuses ? (INVALID + OVER_LIMIT) / 100 : 0
  if (Math.abs(refused / requests - expected) > SHARE_TOLERANCE)
    throw new Error(`${refused} of ${requests} calls were refused`)
  const half = await openLoop({
    targets: calls.map((call) => ({ ...call, url: `${url}${call.url}` })),
    requestsPerSecond: Math.round(rps / 2),
    seconds: OPEN_LOOP_SECONDS,
  })
  return { rps, cpuMicroseconds: (cpu / requests) * 1e6, p50Ms: half.p50Ms, p99Ms: half.p99Ms }
}
