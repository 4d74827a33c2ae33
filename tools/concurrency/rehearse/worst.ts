import { figure } from '../report/study.ts'
import type { Played } from './play.ts'

/** Of fewer calls the slowest one or two are their 99 % quantile. */
const CALLS_MIN = 100

/** The worst 99 % quantile among functions that had calls enough to have one, in words. */
export const worstLatency = (played: ReadonlyMap<string, Played>): string => {
  const [worst] = [...played]
    .flatMap(([key, { calls, latencyMs }]) =>
      calls >= CALLS_MIN && latencyMs ? [{ key, p99: latencyMs.p99 }] : [],
    )
    .toSorted((one, other) => other.p99 - one.p99)
  return worst
    ? `worst p99 ${figure(worst.p99)} ms (${worst.key})`
    : `no function had the ${CALLS_MIN} calls that a p99 wants`
}
