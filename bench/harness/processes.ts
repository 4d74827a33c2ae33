import { readdirSync, readFileSync } from 'node:fs'

/** Linux's USER_HZ. */
const TICKS_PER_SECOND = 100

/**
 * CPU time that processes have used, user and system together, with all their threads and with the children that have
 * ended: a process that ended since it was listed counts with its parent.
 */
export const cpuSeconds = (pids: readonly number[]): number =>
  pids.reduce((sum, pid) => {
    const stat = ifThere(() => readFileSync(`/proc/${pid}/stat`, 'utf8'))
    // The command's name may hold spaces and brackets; the fields begin after its last bracket.
    const fields = (stat ?? '').replace(/^.*\) /s, '').split(' ')
    const ticks = fields.slice(11, 15).reduce((all, field) => all + Number(field), 0)
    return sum + ticks / TICKS_PER_SECOND
  }, 0)

/** A process and all its descendants. */
export const processTree = (root: number): readonly number[] => {
  const childrenOf = Map.groupBy(
    readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .flatMap((pid) => {
        const parent = parentOf(Number(pid))
        return parent === undefined ? [] : [{ pid: Number(pid), parent }]
      }),
    ({ parent }) => parent,
  )
  const found: number[] = []
  for (let next: number[] = [root]; next.length > 0; ) {
    found.push(...next)
    next = next.flatMap((pid) => (childrenOf.get(pid) ?? []).map((child) => child.pid))
  }
  return found
}

/** Resident memory in bytes, shared pages divided among those who share them (PSS). */
export const residentBytes = (pids: readonly number[]): number =>
  pids.reduce((sum, pid) => {
    const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')
    return sum + Number(/^Pss:\s+(\d+) kB$/m.exec(rollup)?.[1] ?? 0) * 1_024
  }, 0)

const parentOf = (pid: number): number | undefined => {
  const status = ifThere(() => readFileSync(`/proc/${pid}/status`, 'utf8'))
  return status === undefined ? undefined : Number(/^PPid:\s+(\d+)$/m.exec(status)?.[1])
}

/** A process may end between the reading of a list and the reading of what stands on it. */
const ifThere = (read: () => string): string | undefined => {
  try {
    return read()
  } catch {
    return undefined
  }
}
