import { isMap, LineCounter, parseDocument } from 'yaml'

export type Place = { readonly file: string; readonly line?: number | undefined }

/** What a person gave us cannot be used: one sentence with its file and line. */
export class InputError extends Error {
  override readonly name = 'InputError'

  constructor({ file, line }: Place, reason: string) {
    super(`${file}${line === undefined ? '' : `:${line}`}: ${reason}.`)
  }
}

/** @throws InputError with the line at which the text stops being JSON. */
export const parseJson = (text: string, file: string): unknown => {
  try {
    return JSON.parse(text)
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    const position = Number(/position (\d+)/.exec(message)?.[1] ?? text.length)
    const line = text.slice(0, position).split('\n').length
    throw new InputError({ file, line }, 'this is not JSON')
  }
}

/**
 * The line on which a value of a JSON (or YAML) text stands; that of the nearest thing around it, if it is missing.
 *
 * @param path keys and indices from the top.
 */
export const lineOfPath = (text: string, path: readonly PropertyKey[]): number => {
  const counter = new LineCounter()
  const document = parseDocument(text, { lineCounter: counter })
  for (let depth = path.length; depth > 0; depth -= 1) {
    const parent = document.getIn(path.slice(0, depth - 1), true) ?? document.contents
    const key = path[depth - 1]
    if (isMap(parent)) {
      const pair = parent.items.find((item) => String(item.key) === String(key))
      const start = (pair?.key as { range?: readonly number[] } | undefined)?.range?.[0]
      if (start !== undefined) return counter.linePos(start).line
    }
    const node = document.getIn(path.slice(0, depth), true) as
      | { range?: readonly number[] }
      | undefined
    if (node?.range?.[0] !== undefined) return counter.linePos(node.range[0]).line
  }
  return 1
}
