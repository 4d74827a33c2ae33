import QuickLRU from 'quick-lru'
import type { Clock, Instant } from '../../shared/kernel/time.ts'
import type { Epoch, Epochs } from './epochs.ts'

/** A question whose answer was overtaken while it was under way is asked again: tries in all. */
export const ASK_ATTEMPTS_MAX = 3

export type LookupOptions<Key, Value> = {
  readonly ask: (key: Key) => Promise<Value>
  readonly nameOf: (key: Key) => string
  /** Changes of these names, beside the key's own, make the answer void. */
  readonly dependsOn: (key: Key) => readonly string[]
  /** The answer is good until then at the longest, whatever the ages below allow. */
  readonly endsAt?: (value: Value) => Instant | undefined
  /** Whether the answer can never change again, so that only memory bounds it. */
  readonly isFinal?: (value: Value) => boolean
  readonly entriesMax: number
  /** An answer of this age is asked for again. */
  readonly freshMs: () => number
  /** While nobody answers, an answer of this age still counts. */
  readonly staleMsMax: number
  readonly epochs: Epochs
  readonly clock: Clock
}

/** Answers of another service, remembered within bounds. Many who ask for one thing share one question. */
export type Lookup<Key, Value> = {
  /** @throws what `ask` throws, when no usable answer is remembered either. */
  get(key: Key): Promise<Value>
  /** What was learnt otherwise; it overtakes questions that are under way. */
  put(key: Key, value: Value): void
}

type Entry<Value> = {
  readonly value: Value
  /** Whose changes make it void. */
  readonly names: readonly string[]
  readonly learntAt: Epoch
  readonly askedAt: Instant
}

export const createLookup = <Key, Value>(
  options: LookupOptions<Key, Value>,
): Lookup<Key, Value> => {
  const { ask, nameOf, endsAt, isFinal, epochs, clock } = options
  const dependsOn = (key: Key) => [nameOf(key), ...options.dependsOn(key)]
  const entries = new QuickLRU<string, Entry<Value>>({ maxSize: options.entriesMax })
  const underWay = new Map<string, { learntAt: Epoch; entry: Promise<Entry<Value>> }>()

  const isCurrent = ({ value, names, learntAt }: Entry<Value>, now: Instant) =>
    epochs.isCurrent(learntAt, names) && now < (endsAt?.(value) ?? Number.POSITIVE_INFINITY)

  // Joins a question only if no change was heard since it was put.
  const askShared = (name: string, key: Key): Promise<Entry<Value>> => {
    const names = dependsOn(key)
    const running = underWay.get(name)
    if (running && epochs.isCurrent(running.learntAt, names)) return running.entry
    const learntAt = epochs.now()
    const askedAt = clock()
    const entry = ask(key).then((value) => ({ value, names, learntAt, askedAt }))
    const flight = { learntAt, entry }
    underWay.set(name, flight)
    const land = () => {
      if (underWay.get(name) === flight) underWay.delete(name)
    }
    entry.then(land, land)
    return entry
  }

  const askCurrent = async (name: string, key: Key): Promise<Value> => {
    for (let attempt = 1; ; attempt += 1) {
      const entry = await askShared(name, key)
      if (epochs.isCurrent(entry.learntAt, entry.names)) {
        entries.set(name, entry)
        return entry.value
      }
      if (attempt === ASK_ATTEMPTS_MAX) return entry.value
    }
  }

  return {
    async get(key) {
      const name = nameOf(key)
      const known = entries.get(name)
      const now = clock()
      if (known && isFinal?.(known.value)) return known.value
      const usable = known && isCurrent(known, now) ? known : undefined
      if (usable && now - usable.askedAt < options.freshMs()) return usable.value
      try {
        return await askCurrent(name, key)
      } catch (error) {
        // A change heard meanwhile makes the old answer void: checked again.
        const isUsable = usable && isCurrent(usable, clock())
        if (isUsable && clock() - usable.askedAt < options.staleMsMax) return usable.value
        throw error
      }
    },
    put(key, value) {
      epochs.change(nameOf(key))
      entries.set(nameOf(key), {
        ...{ value, names: dependsOn(key) },
        ...{ learntAt: epochs.now(), askedAt: clock() },
      })
    },
  }
}
