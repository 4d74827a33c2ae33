import { isDeepStrictEqual } from 'node:util'
import { at, putAt, type Resource, STAGES, type Stage, valueAt } from './resources.ts'

/** One line of the platform's list, as it must stand in the plan. */
export type Row = {
  readonly line: string
  /** Where the line holds; sizes and safety that cost money are production's alone. */
  readonly stages: readonly Stage[]
  /** `state` where the line is about references, which a plan does not know yet. */
  readonly reads: 'plan' | 'state'
  readonly complaints: (resources: readonly Resource[], stage: Stage) => readonly string[]
  /** Makes the smallest change that the line forbids. */
  readonly breaks: (resources: Resource[]) => void
}

const PROD = ['prod'] as const

type Expected = {
  readonly line: string
  /** `network.aws_vpc.this`; without a key it speaks of every instance. */
  readonly address: string
  readonly path: string
  readonly is: unknown
  /** A value that must be noticed. */
  readonly not: unknown
}

/** A line that gives one attribute its value, in both stages. */
export const both = (expected: Expected): Row => attribute(expected, STAGES)

/** A line that gives one attribute its value, in production. */
export const prod = (expected: Expected): Row => attribute(expected, PROD)

const attribute = ({ line, address, path, is, not }: Expected, stages: readonly Stage[]): Row => ({
  line,
  stages,
  reads: 'plan',
  complaints: (resources) => {
    const found = at(resources, address)
    if (found.length === 0) return [`there is no ${address}`]
    return found
      .filter(({ values }) => !isDeepStrictEqual(valueAt(values, path), is))
      .map((resource) => {
        const value = JSON.stringify(valueAt(resource.values, path))
        return `${resource.address}: ${path} is ${value} instead of ${JSON.stringify(is)}`
      })
  },
  breaks: (resources) => {
    const victim = first(resources, address)
    putAt(victim.values, path, not)
  },
})

/** How many there are of something; it breaks by the loss of one. */
export const count = (
  { line, address, is }: { line: string; address: string; is: number },
  stages: readonly Stage[] = STAGES,
): Row => ({
  line,
  stages,
  reads: 'plan',
  complaints: (resources) => {
    const { length } = at(resources, address)
    return length === is ? [] : [`${length} of ${address} instead of ${is}`]
  },
  breaks: (resources) => {
    const victim = first(resources, address)
    resources.splice(resources.indexOf(victim), 1)
  },
})

/** The values that all instances have at a path, as a sorted set; it breaks by one more. */
export const set = (
  {
    line,
    address,
    path,
    is,
  }: { line: string; address: string; path: string; is: readonly unknown[] },
  stages: readonly Stage[] = STAGES,
): Row => ({
  line,
  stages,
  reads: 'plan',
  complaints: (resources) => {
    const values = at(resources, address).map((resource) => valueAt(resource.values, path))
    return isDeepStrictEqual(values.map(String).toSorted(), is.map(String).toSorted())
      ? []
      : [`${address}: ${path} is ${values.join(', ')} instead of ${is.join(', ')}`]
  },
  breaks: (resources) => {
    const victim = first(resources, address)
    putAt(victim.values, path, 'another')
  },
})

/** Every resource of a type, wherever it stands, has this value: the one that somebody adds later, too. */
export const every = ({
  line,
  type,
  path,
  is,
  not,
}: {
  line: string
  type: string
  path: string
  is: (value: unknown) => boolean
  not: unknown
}): Row => ({
  line,
  stages: STAGES,
  reads: 'plan',
  complaints: (resources) => {
    const found = resources.filter((resource) => resource.type === type)
    if (found.length === 0) return [`there is no ${type}`]
    return found
      .filter(({ values }) => !is(valueAt(values, path)))
      .map(({ address, values }) => `${address}: ${path} is ${String(valueAt(values, path))}`)
  },
  breaks: (resources) => {
    const victim = resources.findLast((resource) => resource.type === type)
    if (victim) putAt(victim.values, path, not)
  },
})

/** What stands at a path, written as JSON, has every one of these texts in it; it breaks by losing it all. */
export const mentions = (
  {
    line,
    address,
    path,
    texts,
  }: { line: string; address: string; path: string; texts: readonly string[] },
  stages: readonly Stage[] = STAGES,
): Row => ({
  line,
  stages,
  reads: 'plan',
  complaints: (resources) => {
    const found = at(resources, address)
    if (found.length === 0) return [`there is no ${address}`]
    return found.flatMap((resource) => {
      const written = JSON.stringify(valueAt(resource.values, path) ?? '')
      return texts
        .filter((text) => !written.includes(text))
        .map((text) => `${resource.address}: ${path} lacks ${text}`)
    })
  },
  breaks: (resources) => {
    putAt(first(resources, address).values, path, [])
  },
})

/** The first that an address stands for. @throws when there is none. */
export const first = (resources: readonly Resource[], address: string): Resource => {
  const [found] = at(resources, address)
  if (!found) throw new Error(`there is no ${address}`)
  return found
}
