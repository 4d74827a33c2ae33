/** The largest of the last values; each value costs the same however many are looked back on. */
export type RecentMax = {
  readonly push: (value: number) => void
  /** 0 while there is none. */
  readonly read: () => number
}

/** @param length how many of the last values count. */
export const createRecentMax = (length: number): RecentMax => {
  // Values that a later one exceeds can never be the largest again, so what is kept falls.
  const kept: { readonly at: number; readonly value: number }[] = []
  let [pushed, first] = [0, 0]
  return {
    push(value) {
      while (kept.length > first && (kept.at(-1)?.value ?? 0) <= value) kept.pop()
      kept.push({ at: pushed, value })
      pushed += 1
      if ((kept[first]?.at ?? 0) < pushed - length) first += 1
    },
    read: () => kept[first]?.value ?? 0,
  }
}
