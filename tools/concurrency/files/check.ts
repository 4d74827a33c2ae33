import { glob, readFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { isScalar, LineCounter } from 'yaml'
import { InputError, type Place } from '../../measure/input-error.ts'
import { UNRESERVED_MIN } from '../limits.ts'
import {
  FUNCTION_FILES,
  functionsIn,
  offsetOf,
  PROVISIONED,
  pairOf,
  RESERVED,
} from './fragments.ts'

/**
 * Refuses figures that could not be deployed, while a line can still be named: no whole number from 0, more provisioned
 * than reserved, or more reserved in all (or warm without a reservation) than the account may give away.
 *
 * @param root of the checkout.
 * @throws InputError at the first of them.
 */
export const checkFigures = async (root: string, account: number): Promise<void> => {
  const limit = account - UNRESERVED_MIN
  const files: string[] = []
  for await (const file of glob(FUNCTION_FILES.map((pattern) => join(root, pattern))))
    files.push(file)
  let sum = 0
  for (const path of files.toSorted()) {
    const text = await readFile(path, 'utf8')
    const counter = new LineCounter()
    for (const [key, map] of functionsIn(path, text, counter)) {
      const figureOf = (name: string) => {
        const pair = pairOf(map, name)
        if (!pair) return undefined
        const { line } = counter.linePos(offsetOf(pair.key))
        const place = { file: relative(root, path), line }
        return { place, value: wholeNumber(pair.value, `${name} of ${key}`, place) }
      }
      const [reserved, provisioned] = [figureOf(RESERVED), figureOf(PROVISIONED)]
      if (reserved && provisioned && provisioned.value > reserved.value)
        throw new InputError(
          provisioned.place,
          `${key} provisions ${provisioned.value}, more than the ${reserved.value} it reserves`,
        )
      const taken = reserved ?? provisioned
      sum += taken?.value ?? 0
      if (taken && sum > limit)
        throw new InputError(
          taken.place,
          `with ${key} the reservations sum up to ${sum}, and an account of ${account} may reserve ${limit}`,
        )
    }
  }
}

const wholeNumber = (node: unknown, what: string, place: Place): number => {
  const value = isScalar(node) ? node.value : undefined
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0)
    throw new InputError(place, `${what} is no whole number from 0`)
  return value
}
