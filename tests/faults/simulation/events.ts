import type { Bus, OutboundRecord } from '../../../shared/bus/port.ts'
import { BusUnavailableError } from '../../../shared/bus/port.ts'
import type { Envelope } from '../../../shared/events/envelope.ts'
import type { Random } from '../../../tools/random.ts'
import type { Actor } from './simulator.ts'

/** A log in memory, of one partition, with the ways in which a real one fails its senders. */
export type SimulatedLog = {
  readonly records: readonly Envelope[]
  /** Of one actor: a send is a step. */
  busOf(actor: Actor): Pick<Bus, 'send'>
  /** Where the consumer group will read on. */
  committed: number
  /** From now on it acknowledges everything. */
  heal(): void
}

/** Of a send: acknowledged, lost, stored without an answer, or stored in part. */
const FAILURE_CHANCE = 0.15

export const createLog = (random: Random): SimulatedLog => {
  const records: Envelope[] = []
  let isWell = false
  const append = (batch: readonly OutboundRecord[]) =>
    records.push(...batch.map(({ value }) => JSON.parse(String(value)) as Envelope))
  return {
    records,
    committed: 0,
    heal() {
      isWell = true
    },
    busOf: (actor) => ({
      send: (batch) =>
        actor.step(async () => {
          if (isWell || !random.chance(FAILURE_CHANCE)) return void append(batch)
          append(batch.slice(0, random.int(batch.length + 1)))
          throw new BusUnavailableError('no answer')
        }),
    }),
  }
}
