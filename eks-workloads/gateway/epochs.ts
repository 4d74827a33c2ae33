/** Names remembered as changed; beyond it everything counts as changed, once. */
export const CHANGED_NAMES_MAX = 100_000

/** A moment in the order of changes, not in time. */
export type Epoch = number

/**
 * Says whether what was learnt at some moment has been overtaken by a change since: in constant time, also for
 * answers that were still under way when the change was heard.
 */
export type Epochs = {
  now(): Epoch
  /** What was learnt of `name` before is void. */
  change(name: string): void
  changeAll(): void
  isCurrent(learntAt: Epoch, names: readonly string[]): boolean
}

export const createEpochs = (namesMax: number = CHANGED_NAMES_MAX): Epochs => {
  const changes = new Map<string, Epoch>()
  let latest: Epoch = 0
  let allChangedAt: Epoch = 0
  const changeAll = () => {
    latest += 1
    allChangedAt = latest
    changes.clear()
  }
  return {
    now: () => latest,
    change(name) {
      if (changes.size >= namesMax) return changeAll()
      latest += 1
      changes.set(name, latest)
    },
    changeAll,
    isCurrent: (learntAt, names) =>
      learntAt >= allChangedAt && names.every((name) => (changes.get(name) ?? 0) <= learntAt),
  }
}
