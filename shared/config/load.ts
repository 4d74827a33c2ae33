import * as z from 'zod'

/** What a process is given; only `lambda.ts` and `server.ts` hand it over. */
export type Environment = Readonly<Record<string, string | undefined>>

/**
 * One process's configuration: parsed once, frozen, failing with all mistakes at once.
 *
 * @throws an Error that names every wrong or missing variable, and never its value.
 */
export const loadConfig = <Schema extends z.ZodObject>(
  schema: Schema,
  environment: Environment,
): Readonly<z.output<Schema>> => {
  const result = schema.safeParse(environment)
  if (result.success) return Object.freeze(result.data)
  const mistakes = result.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`)
  throw new Error(`The environment is not right: ${mistakes.join('; ')}`)
}

/** A JSON text in a variable, parsed by `schema`. */
export const jsonVariable = <Schema extends z.ZodType>(schema: Schema) =>
  z
    .string()
    .transform((text, context): unknown => {
      try {
        return JSON.parse(text)
      } catch {
        context.addIssue({ code: 'custom', message: 'is not JSON' })
        return z.NEVER
      }
    })
    .pipe(schema)
