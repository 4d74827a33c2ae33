import { type Contract, type Operation, pathOf } from '../../../shared/contracts/define.ts'
import { completeSamples } from './samples.ts'

/** A place in a request that names something by its id. */
export type Position = {
  readonly place: 'params' | 'query' | 'body'
  readonly path: readonly string[]
  /** Of the id's kind, like `crs`. */
  readonly prefix: string
}

/** A request of an operation, complete but for the ids in it, which are made-up ones. */
export type Template = {
  readonly contract: Contract
  readonly name: string
  readonly operation: Operation
  readonly params: Readonly<Record<string, unknown>>
  readonly query: Readonly<Record<string, unknown>>
  readonly body: unknown
  readonly positions: readonly Position[]
}

export type Sent = {
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
}

/** Where a list goes on says nothing of whose it is; a made-up cursor would only be refused. */
const LEFT_OUT = new Set(['cursor', 'limit'])

const ID = /^([a-z]{3})_[0-9a-f]{32}$/

export const titleOf = ({ contract, name }: Pick<Template, 'contract' | 'name'>): string =>
  `${contract.service} ${name}`

/** Every request template of an operation: several where its body has alternatives. */
export const templatesOf = (
  contract: Contract,
  name: string,
  operation: Operation,
): readonly Template[] => {
  const params = recordOf(operation.params && completeSamples(operation.params)[0])
  const query = recordOf(operation.query && completeSamples(operation.query)[0])
  const bodies = operation.body ? completeSamples(operation.body) : [undefined]
  return bodies.map((body) => ({
    ...{ contract, name, operation, params, query, body },
    positions: [
      ...positionsIn('params', params),
      ...positionsIn('query', query),
      ...positionsIn('body', body),
    ],
  }))
}

/** The request, with each id replaced. */
export const fill = (
  template: Template,
  idFor: (position: Position) => string,
  headers: Readonly<Record<string, string>> = {},
): Sent => {
  const { contract, operation, positions } = template
  let filled: unknown = { params: template.params, query: template.query, body: template.body }
  for (const position of positions)
    filled = replaced(filled, [position.place, ...position.path], idFor(position))
  const { params, query, body } = filled as Pick<Template, 'params' | 'query' | 'body'>
  const path = pathOf(contract, operation).replaceAll(/\{(\w+)\}/g, (_, name: string) =>
    encodeURIComponent(String(params[name])),
  )
  const search = new URLSearchParams(
    Object.entries(query).map(([name, value]): [string, string] => [name, String(value)]),
  )
  return {
    method: operation.method,
    path: search.size > 0 ? `${path}?${search}` : path,
    headers: { ...(operation.body && { 'content-type': 'application/json' }), ...headers },
    ...(operation.body && { body: JSON.stringify(body) }),
  }
}

const recordOf = (sample: unknown): Readonly<Record<string, unknown>> =>
  Object.fromEntries(
    Object.entries(Object(sample) as Record<string, unknown>).filter(
      ([name]) => !LEFT_OUT.has(name),
    ),
  )

const positionsIn = (
  place: Position['place'],
  value: unknown,
  path: readonly string[] = [],
): readonly Position[] => {
  const prefix = typeof value === 'string' ? ID.exec(value)?.[1] : undefined
  if (prefix !== undefined) return [{ place, path, prefix }]
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, child]) => positionsIn(place, child, [...path, key]))
}

const replaced = (value: unknown, path: readonly string[], id: string): unknown => {
  const [key, ...rest] = path
  if (key === undefined) return id
  if (Array.isArray(value))
    return value.map((item, index) => (String(index) === key ? replaced(item, rest, id) : item))
  return { ...Object(value), [key]: replaced(Reflect.get(Object(value), key), rest, id) }
}
