import { glob, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { createTwoFilesPatch } from 'diff'
import { isScalar, LineCounter, type YAMLMap } from 'yaml'
import { InputError } from '../../measure/input-error.ts'
import type { Setting } from '../plan/pool.ts'
import {
  FUNCTION_FILES,
  functionsIn,
  offsetOf,
  PROVISIONED,
  pairOf,
  RESERVED,
} from './fragments.ts'

/** A function.yml and what it should say. */
export type Edit = {
  /** Absolute. */
  readonly file: string
  readonly before: string
  readonly after: string
}

/**
 * The edits that give each function its setting. Places are found in the parsed document and changed in the text, so
 * whatever is not a figure keeps every byte.
 *
 * @param root of the checkout.
 * @param settings by key in serverless.yml; functions that are not named keep theirs.
 * @throws InputError for a file that is no YAML, a figure that is none, or a function that no file has.
 */
export const editsFor = async (
  root: string,
  settings: ReadonlyMap<string, Setting>,
): Promise<readonly Edit[]> => {
  const missing = new Set(settings.keys())
  const edits: Edit[] = []
  for await (const file of glob(FUNCTION_FILES.map((pattern) => join(root, pattern)))) {
    const before = await readFile(file, 'utf8')
    let after = before
    for (const key of functionsIn(file, before, new LineCounter()).keys()) {
      missing.delete(key)
      const setting = settings.get(key)
      if (!setting) continue
      after = withFigure(after, { file, key, name: RESERVED, value: setting.reserved })
      after = withFigure(after, { file, key, name: PROVISIONED, value: setting.provisioned })
    }
    if (after !== before) edits.push({ file, before, after })
  }
  const [first] = missing
  if (first !== undefined)
    throw new InputError({ file: FUNCTION_FILES.join(' or ') }, `no file has the function ${first}`)
  return edits.toSorted((one, other) => one.file.localeCompare(other.file, 'en'))
}

/** As `git diff` would show it, below the checkout's root. */
export const diffOf = (root: string, { file, before, after }: Edit): string => {
  const name = relative(root, file)
  return createTwoFilesPatch(`a/${name}`, `b/${name}`, before, after, '', '', {
    context: 2,
  }).replace(/^=+\n/, '')
}

/** Writes all of them, or none: where one cannot be written, those before it get their text back. */
export const writeEdits = async (edits: readonly Edit[]): Promise<void> => {
  const written: Edit[] = []
  try {
    for (const edit of edits) {
      await replace(edit.file, edit.after)
      written.push(edit)
    }
  } catch (error) {
    for (const { file, before } of written) await replace(file, before)
    throw error
  }
}

/** Gives the files the text they had before. */
export const undoEdits = (edits: readonly Edit[]): Promise<void> =>
  writeEdits(edits.map(({ file, before, after }) => ({ file, before: after, after: before })))

const replace = async (file: string, text: string) => {
  const fresh = `${file}.new`
  try {
    await writeFile(fresh, text)
    await rename(fresh, file)
  } catch (error) {
    await rm(fresh, { force: true })
    throw error
  }
}

type Figure = {
  readonly file: string
  readonly key: string
  readonly name: string
  readonly value: number | undefined
}

const withFigure = (text: string, { file, key, name, value }: Figure): string => {
  const counter = new LineCounter()
  const map = functionsIn(file, text, counter).get(key)
  if (!map) return text
  const pair = pairOf(map, name)
  if (!pair) return value === undefined ? text : insertLine(text, map, `${name}: ${value}`)
  const start = offsetOf(pair.key)
  if (!isScalar(pair.value) || !isFigure(pair.value.value) || !pair.value.range)
    throw new InputError(
      { file, line: counter.linePos(start).line },
      `${name} of ${key} is no whole number from 0`,
    )
  if (value === undefined) return cutLine(text, start)
  const [from, to] = pair.value.range
  return pair.value.value === value ? text : text.slice(0, from) + value + text.slice(to)
}

const isFigure = (value: unknown): boolean => Number.isInteger(value) && Number(value) >= 0

/** A figure stands behind the last of these, before variables and triggers. */
const BEFORE_FIGURES = ['handler', 'role', 'memorySize', 'timeout', RESERVED]

const insertLine = (text: string, map: YAMLMap, line: string): string => {
  const anchor = map.items.findLast((pair) => BEFORE_FIGURES.includes(String(pair.key)))
  const value = anchor?.value as { range?: readonly number[] } | undefined
  const end = text.indexOf('\n', value?.range?.[1] ?? offsetOf(map.items[0]?.key))
  const at = end < 0 ? text.length : end + 1
  const column = offsetOf(anchor?.key) - (text.lastIndexOf('\n', offsetOf(anchor?.key)) + 1)
  const indent = ' '.repeat(column)
  const lineEnd = lineEndOf(text, end)
  return `${text.slice(0, at)}${end < 0 ? lineEnd : ''}${indent}${line}${lineEnd}${text.slice(at)}`
}

/** As the line ends behind which another comes, or the file's first where it has no end. */
const lineEndOf = (text: string, end: number): string => {
  const at = end < 0 ? text.indexOf('\n') : end
  return text[at - 1] === '\r' ? '\r\n' : '\n'
}

const cutLine = (text: string, offset: number): string => {
  const from = text.lastIndexOf('\n', offset) + 1
  const end = text.indexOf('\n', offset)
  return text.slice(0, from) + (end < 0 ? '' : text.slice(end + 1))
}
