/** A test that a document names: `` `path` "title" ``; without a title, the file alone. */
export type Named = { readonly file: string; readonly title: string | undefined }

const NAMED = /`([\w./-]+\.(?:test\.)?ts)`(?: "((?:[^"\\]|\\.)+)")?/g

export const namedIn = (document: string): readonly Named[] =>
  [...document.matchAll(NAMED)].map(([, file = '', title]) => ({
    file,
    title: title?.replaceAll('\\"', '"'),
  }))

/**
 * What is wrong with a named test, or undefined.
 *
 * @param textOf the text of a file, or undefined where there is none.
 */
export const mistakeIn = (
  { file, title }: Named,
  textOf: (file: string) => string | undefined,
): string | undefined => {
  const text = textOf(file)
  if (text === undefined) return `${file} does not exist`
  if (title === undefined || hasTest(text, title)) return undefined
  return `${file} has no test "${title}"`
}

// A title begins right after its quotation mark; what follows a `$` or `%` of it.each stands there as it is.
const hasTest = (text: string, title: string): boolean =>
  [`'${title}'`, `\`${title}\``, `"${title}"`].some((quoted) => text.includes(quoted))
