import { randomOf } from '../../random.ts'
import type { Traffic } from '../traffic/traffic.ts'

/** One call that is going to be made, whatever becomes of those before. */
export type Arrival = { readonly dueMs: number; readonly functionKey: string }

/** More is no rehearsal on one machine any more. */
const ARRIVALS_MAX = 200_000
const UINT32 = 2 ** 32

/**
 * Poisson arrivals of each function at the rate of each second: the distances are exponential, as the model takes them to be.
 *
 * @param traffic in buckets of a second.
 * @param seed the same gives the same arrivals.
 */
export const arrivalsOf = (traffic: Traffic, seed: number): readonly Arrival[] => {
  const chance = randomOf(`arrivals ${seed}`)
  const random = () => chance.int(UINT32) / UINT32
  const arrivals = [...traffic.rates].flatMap(([functionKey, rates]) =>
    rates.flatMap((rate, second) =>
      withinOneSecond(rate, random).map((at) => ({ functionKey, dueMs: (second + at) * 1_000 })),
    ),
  )
  if (arrivals.length > ARRIVALS_MAX)
    throw new Error(`${arrivals.length} calls are too many for one machine; give a lower --rate.`)
  return arrivals.toSorted((one, other) => one.dueMs - other.dueMs)
}

const withinOneSecond = (rate: number, random: () => number): readonly number[] => {
  const times: number[] = []
  if (rate <= 0) return times
  for (let at = -Math.log(1 - random()) / rate; at < 1; at += -Math.log(1 - random()) / rate)
    times.push(at)
  return times
}
