/** What was measured at one moment, by name. */
export type Sample = Readonly<Record<string, number>>

export type Slope = {
  readonly name: string
  /** The medians of the first and of the last third, after the warm-up. */
  readonly first: number
  readonly last: number
  readonly isFlat: boolean
}

/** Growth beyond this share and this amount is no noise. */
const GROWTH_SHARE_MAX = 0.25
const GROWTH_MAX = 12

/**
 * Whether each measure stays what it was: the median of the last third against that of the first. Medians, so that a
 * fault that was going on at a sample's moment does not count.
 *
 * @param warmUpShare of the samples, in [0, 1), that are left out at the beginning.
 */
export const slopesOf = (samples: readonly Sample[], warmUpShare: number): readonly Slope[] => {
  const kept = samples.slice(Math.floor(samples.length * warmUpShare))
  const third = Math.max(1, Math.floor(kept.length / 3))
  return Object.keys(kept[0] ?? {}).map((name) => {
    const first = medianOf(kept.slice(0, third).map((sample) => sample[name] ?? 0))
    const last = medianOf(kept.slice(-third).map((sample) => sample[name] ?? 0))
    const isFlat = last - first <= Math.max(GROWTH_MAX, first * GROWTH_SHARE_MAX)
    return { name, first, last, isFlat }
  })
}

export const medianOf = (numbers: readonly number[]): number => {
  const sorted = [...numbers].sort((one, other) => one - other)
  return sorted[Math.floor(sorted.length / 2)] ?? 0
}
