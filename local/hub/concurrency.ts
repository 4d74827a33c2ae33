import { readFile } from 'node:fs/promises'
import * as z from 'zod'
import { functionKeyOf, type Template } from '../template/template.ts'
import { reasonOf, StartError } from './config.ts'

const count = z.int().min(0)

/** Concurrency figures that take the place of the template's, as `HUB_CONCURRENCY` names a file of them. */
const figuresSchema = z.strictObject({
  /** How many invocations of functions without a reservation may run at once. */
  unreserved: count,
  /** By key in serverless.yml; a function that is not named has neither. */
  functions: z.record(
    z.string(),
    z.strictObject({ reserved: count.optional(), provisioned: count.optional() }),
  ),
})

export type ConcurrencyFigures = z.output<typeof figuresSchema>

/** @throws StartError when the file is not one of figures, or names a function that the template has not. */
export const readConcurrency = async (
  file: string | undefined,
  template: Template,
): Promise<ConcurrencyFigures | undefined> => {
  if (file === undefined) return undefined
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    throw new StartError(`The concurrency file ${file} cannot be read: ${reasonOf(error)}.`)
  })
  const figures = figuresSchema.safeParse(parseJson(text))
  if (!figures.success) {
    const [issue] = figures.error.issues
    throw new StartError(
      `The concurrency file ${file} is not right: ${issue?.path.join('.')} ${issue?.message}.`,
    )
  }
  const keys = new Set(template.functions.map(({ name }) => functionKeyOf(name)))
  const unknown = Object.keys(figures.data.functions).filter((key) => !keys.has(key))
  if (unknown.length > 0)
    throw new StartError(`The concurrency file ${file} names no function: ${unknown.join(', ')}.`)
  return figures.data
}

/** The template with the figures in the place of its own, if there are any. */
export const withConcurrency = (
  template: Template,
  figures: ConcurrencyFigures | undefined,
): Template =>
  figures === undefined
    ? template
    : {
        ...template,
        functions: template.functions.map((one) => ({
          ...one,
          reservedConcurrency: figures.functions[functionKeyOf(one.name)]?.reserved,
          provisionedConcurrency: figures.functions[functionKeyOf(one.name)]?.provisioned,
        })),
      }

const parseJson = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
