import { type Contract, pathOf } from '../../shared/contracts/define.ts'
import { assert } from '../../shared/kernel/assert.ts'
import { isRouted, type Route, routeOf } from './domain.ts'
import { methodNotAllowed, routeNotFound, targetInvalid } from './errors.ts'

export const PATH_LENGTH_MAX = 2_048
export const TARGET_LENGTH_MAX = 8_192

/** Finds the operation that a request means. @throws Refusal 404 or 405. */
export type Router = {
  find(method: string, path: string): Route
  /** The methods of a path, for a preflight; empty when there is no such path. */
  methodsOf(path: string): readonly string[]
}

/** The contracts' operations as a tree of path segments; a literal segment wins over a parameter. */
export const createRouter = (contracts: readonly Contract[]): Router => {
  const root = newNode()
  for (const contract of contracts)
    for (const [name, operation] of Object.entries(contract.operations))
      if (isRouted(operation)) {
        const template = pathOf(contract, operation)
        const leaf = leafFor(root, template)
        assert(
          !leaf.routes.has(operation.method),
          `${operation.method} ${template} is routed twice`,
        )
        leaf.routes.set(operation.method, routeOf(contract, { name, operation, template }))
      }
  const routesOf = (path: string) => candidates(root, path.split('/').slice(1))
  return {
    find(method, path) {
      // HEAD is GET without its body (RFC 9110 section 9.3.2).
      const wanted = method === 'HEAD' ? 'GET' : method
      const leaves = routesOf(path)
      for (const { routes } of leaves) {
        const route = routes.get(wanted)
        if (route) return route
      }
      if (leaves.length === 0) throw routeNotFound()
      throw methodNotAllowed(allowedBy(leaves))
    },
    methodsOf: (path) => allowedBy(routesOf(path)),
  }
}

/**
 * Splits a request target into path and query.
 *
 * Whoever reads the same text differently from us can be led past our rules: dot segments, encoded
 * slashes and absolute targets are refused, so that every part behind us sees the path that was checked.
 *
 * @throws Refusal 400.
 */
export const readTarget = (target: string): { path: string; query: string } => {
  const at = target.indexOf('?')
  const path = at === -1 ? target : target.slice(0, at)
  const isPlain =
    target.length <= TARGET_LENGTH_MAX &&
    path.length <= PATH_LENGTH_MAX &&
    PLAIN_PATH.test(path) &&
    !AMBIGUOUS.test(path)
  if (!isPlain) throw targetInvalid()
  return { path, query: at === -1 ? '' : target.slice(at) }
}

/** Absolute path of unreserved, sub-delimiter and properly encoded characters (RFC 3986 section 3.3). */
const PLAIN_PATH = /^\/(?:[\w.~!$&'()*+,;=:@/-]|%[0-9a-f]{2})*$/i
/** `//`, `/.`, `/..` (each also encoded), an encoded slash, backslash or control character. */
const AMBIGUOUS = /\/\/|\/(?:\.|%2e){1,2}(?:\/|$)|%2f|%5c|%[01][0-9a-f]|%7f/i

type Node = {
  readonly literals: Map<string, Node>
  parameter: Node | undefined
  readonly routes: Map<string, Route>
}

const newNode = (): Node => ({ literals: new Map(), parameter: undefined, routes: new Map() })

const leafFor = (root: Node, template: string): Node => {
  let node = root
  for (const segment of template.split('/').slice(1)) {
    if (segment.startsWith('{')) {
      node.parameter ??= newNode()
      node = node.parameter
    } else {
      const next = node.literals.get(segment) ?? newNode()
      node.literals.set(segment, next)
      node = next
    }
  }
  return node
}

/** Every node with routes that the path reaches, most literal first; as deep as the longest template. */
const candidates = (node: Node, segments: readonly string[], depth = 0): readonly Node[] => {
  const segment = segments[depth]
  if (segment === undefined) return node.routes.size > 0 ? [node] : []
  const literal = node.literals.get(segment)
  const found = literal ? candidates(literal, segments, depth + 1) : []
  if (!node.parameter || segment === '') return found
  return found.concat(candidates(node.parameter, segments, depth + 1))
}

const allowedBy = (leaves: readonly Node[]): readonly string[] => {
  const methods = new Set(leaves.flatMap(({ routes }) => [...routes.keys()]))
  if (methods.has('GET')) methods.add('HEAD')
  return [...methods].sort()
}
