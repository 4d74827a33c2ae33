import { readdir, readFile } from 'node:fs/promises'

export type ProcessFacts = { readonly pid: number; readonly command: string }

/** Every process below one, whatever their depth. */
export const descendantsOf = async (pid: number): Promise<readonly ProcessFacts[]> => {
  const parents = new Map<number, number[]>()
  for (const name of await readdir('/proc')) {
    const child = Number(name)
    if (!Number.isInteger(child)) continue
    const parent = await parentOf(child)
    if (parent !== undefined) parents.set(parent, [...(parents.get(parent) ?? []), child])
  }
  const found: ProcessFacts[] = []
  const queue = [pid]
  for (let next = queue.pop(); next !== undefined; next = queue.pop())
    for (const child of parents.get(next) ?? []) {
      queue.push(child)
      found.push({ pid: child, command: await commandOf(child) })
    }
  return found
}

// A process may end while it is looked at.
const parentOf = async (pid: number): Promise<number | undefined> => {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
  // The name in parentheses may hold anything; the parent is the second field after it.
  const parent = Number(text.slice(text.lastIndexOf(')') + 2).split(' ')[1])
  return text === '' ? undefined : parent
}

const commandOf = async (pid: number): Promise<string> =>
  (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).replaceAll('\0', ' ')

/** The environment that a process was started with. */
export const environmentOf = async (pid: number): Promise<Record<string, string>> => {
  const text = await readFile(`/proc/${pid}/environ`, 'utf8')
  return Object.fromEntries(
    text
      .split('\0')
      .filter((pair) => pair.includes('='))
      .map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]),
  )
}

export const openFilesOf = async (pid: number): Promise<number> =>
  (await readdir(`/proc/${pid}/fd`).catch(() => [])).length

/** Resident memory, in MiB. */
export const memoryOf = async (pid: number): Promise<number> => {
  const text = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '')
  return Math.round(Number(/^VmRSS:\s+(\d+)/m.exec(text)?.[1] ?? 0) / 1_024)
}
