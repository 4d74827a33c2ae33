/** The fewest from `low` on that are enough; where some are, all above must be. */
export const fewestFrom = (low: number, isEnough: (count: number) => boolean): number => {
  if (isEnough(low)) return low
  let [below, step] = [low, 1]
  while (!isEnough(below + step)) {
    below += step
    step *= 2
  }
  return bisect(below, below + step, isEnough)
}

/** The most from `low` to `high` that fit; `low` does, and where some do, all below must. */
export const mostUpTo = (low: number, high: number, fits: (count: number) => boolean): number =>
  high <= low || fits(high) ? Math.max(low, high) : bisect(low, high, (count) => !fits(count)) - 1

/** The first between `below`, which is not so, and `at`, which is. */
export const bisect = (below: number, at: number, isSo: (count: number) => boolean): number => {
  let [low, high] = [below, at]
  while (low + 1 < high) {
    const middle = Math.floor((low + high) / 2)
    if (isSo(middle)) high = middle
    else low = middle
  }
  return high
}
