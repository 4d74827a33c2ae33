import { isMap, type LineCounter, type Pair, parseDocument, type YAMLMap } from 'yaml'
import { InputError } from '../../measure/input-error.ts'

/** Files that serverless.yml puts together, below the checkout's root. */
export const FUNCTION_FILES = ['functions/*/function.yml', 'workflows/*/function.yml']

export const RESERVED = 'reservedConcurrency'
export const PROVISIONED = 'provisionedConcurrency'

/**
 * The functions of a file by key, as parsed nodes that know their place in the text. A workflow's file has them under a
 * heading of their own, beside the state machine.
 *
 * @param counter is told where lines begin.
 * @throws InputError for what is no YAML.
 */
export const functionsIn = (
  file: string,
  text: string,
  counter: LineCounter,
): ReadonlyMap<string, YAMLMap> => {
  const document = parseDocument(text, { lineCounter: counter })
  const [problem] = document.errors
  if (problem)
    throw new InputError({ file, line: counter.linePos(problem.pos[0]).line }, 'this is not YAML')
  const top = document.contents
  const nested = isMap(top) ? top.get('functions') : undefined
  const map = isMap(nested) ? nested : top
  const functions = new Map<string, YAMLMap>()
  if (isMap(map))
    for (const pair of map.items)
      if (isMap(pair.value) && pairOf(pair.value, 'handler'))
        functions.set(String(pair.key), pair.value)
  return functions
}

export const pairOf = (map: YAMLMap, name: string): Pair | undefined =>
  map.items.find((pair) => String(pair.key) === name)

/** Where a node begins in the text. */
export const offsetOf = (node: unknown): number =>
  (node as { range?: readonly number[] } | undefined)?.range?.[0] ?? 0
