import { readFile } from 'node:fs/promises'
import { functionKeyOf, parseTemplate, type Template } from '../../local/template/template.ts'
import { InputError, parseJson } from './input-error.ts'

/**
 * Reads the packaged template without an account or a machine: each parameter stands for itself, since who looks at
 * figures does not care where the database is.
 *
 * @throws InputError or TemplateError in one sentence.
 */
export const readPackaged = async (templatePath: string): Promise<Template> => {
  const text = await readFile(templatePath, 'utf8').catch(() => {
    throw new InputError({ file: templatePath }, 'the packaged template cannot be read')
  })
  const { Parameters = {} } = parseJson(text, templatePath) as { Parameters?: object }
  return parseTemplate(
    text,
    Object.fromEntries(Object.keys(Parameters).map((name) => [name, name])),
  )
}

/** The keys of serverless.yml. */
export const keysOf = (template: Template): ReadonlySet<string> =>
  new Set(template.functions.map(({ name }) => functionKeyOf(name)))
