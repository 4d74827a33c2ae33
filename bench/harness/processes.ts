import { readdirSync, readFileSync } from 'node:fs'

/** Linux's USER_HZ. */
const TICKS_PER_SECOND = 100

/** CPU time that processes have used, user and system together, with all their threads. */
export const cpuSeconds = (pids: readonly number[]): number =>
  pids.reduce((sum, pid) => {
    // The command's name may hold spaces and brackets; the fields begin after its last bracket.
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ')
    return sum + (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
  }, 0)

/** A process and all its descendants. */
export const processTree = (root: number): readonly number[] => {
  const childrenOf = Map.groupBy(
    readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .flatMap((pid) => {
        const status = statusOf(Number(pid))
        return status === undefined ? [] : [{ pid: Number(pid), parent: status }]
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

const statusOf = (pid: number): number | undefined => {
  try {
    return Number(/^PPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1])
  } catch {
    // It has ended since the folder was read.
    return undefined
  }
}
