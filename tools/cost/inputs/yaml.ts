import { readFile } from 'node:fs/promises'
import { LineCounter, parseDocument } from 'yaml'
import type * as z from 'zod'

/** What is wrong with a file of ours or of the caller's, in one sentence that names the line. */
export class InputError extends Error {
  override readonly name = 'InputError'
}

/**
 * Reads a YAML or JSON file (JSON is YAML) through its schema.
 *
 * @throws InputError with path, line and the first mistake.
 */
export const readYaml = async <S extends z.ZodType>(
  path: string,
  schema: S,
): Promise<z.output<S>> => {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new InputError(`${path} cannot be read.`, { cause })
  })
  return parseYaml(text, path, schema)
}

/** The same on the text; `path` is for the sentence. */
export const parseYaml = <S extends z.ZodType>(
  text: string,
  path: string,
  schema: S,
): z.output<S> => {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true })
  const [broken] = document.errors
  if (broken) {
    const [first = ''] = broken.message.split(' at line')
    throw new InputError(`${path}:${lines.linePos(broken.pos[0]).line}: ${first}.`)
  }
  const result = schema.safeParse(document.toJS())
  if (result.success) return result.data
  const [issue] = result.error.issues
  const at = [...(issue?.path ?? [])]
  const named = issue?.code === 'unrecognized_keys' ? [...at, ...issue.keys.slice(0, 1)] : at
  const line = lines.linePos(offsetOf(document, named)).line
  throw new InputError(
    `${path}:${line}: ${at.length > 0 ? `${at.join('.')}: ` : ''}${issue?.message ?? 'not understood'}.`,
  )
}

type Positioned = {
  readonly range?: readonly number[] | null
  readonly items?: readonly { readonly key?: unknown; readonly value?: unknown }[]
}

/** Where the key of the deepest part of the path that exists begins. */
const offsetOf = (
  document: { readonly contents: unknown },
  path: readonly PropertyKey[],
): number => {
  let node = document.contents as Positioned | null
  let offset = node?.range?.[0] ?? 0
  for (const step of path) {
    const items = node?.items
    const item =
      typeof step === 'number'
        ? (items?.[step] as Positioned | undefined)
        : (items?.find(({ key }) => String(key) === String(step)) as
            | { readonly key: Positioned; readonly value: Positioned | null }
            | undefined)
    if (!item) return offset
    if ('key' in item) {
      offset = item.key.range?.[0] ?? offset
      node = item.value
    } else {
      offset = item.range?.[0] ?? offset
      node = item
    }
  }
  return offset
}
