import { createHash } from 'node:crypto'

/** Chance that a seed replays: the same calls in the same order give the same values. */
export type Random = {
  /** A whole number in [0, below). */
  int(below: number): number
  /** True so often, in [0, 1]. */
  chance(probability: number): boolean
  pick<Item>(items: readonly Item[]): Item
  shuffle<Item>(items: readonly Item[]): Item[]
  uuid(): string
  /** A stream of its own that depends on seed and name alone, so that actors do not disturb each other's chance. */
  fork(name: string): Random
}

const UINT32 = 2 ** 32

/** Mulberry32 (Tommy Ettinger, public domain) over the hash of a seed: small, fast, and good enough to choose faults by. */
export const randomOf = (seed: string): Random => {
  let state = createHash('sha256').update(seed).digest().readUInt32LE(0)
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / UINT32
  }
  const int = (below: number) => Math.floor(next() * below)
  return {
    int,
    chance: (probability) => next() < probability,
    pick(items) {
      if (items.length === 0) throw new Error('there is nothing to pick from')
      // The index lies within the list.
      return items[int(items.length)] as (typeof items)[number]
    },
    shuffle(items) {
      const shuffled = [...items]
      for (let index = shuffled.length - 1; index > 0; index -= 1) {
        const other = int(index + 1)
        const [one, two] = [shuffled[index], shuffled[other]] as [
          (typeof items)[number],
          (typeof items)[number],
        ]
        shuffled[index] = two
        shuffled[other] = one
      }
      return shuffled
    },
    uuid() {
      const hex = Array.from({ length: 32 }, () => int(16).toString(16)).join('')
      return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20)}`
    },
    fork: (name) => randomOf(`${seed}/${name}`),
  }
}
