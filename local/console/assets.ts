import { readFile } from 'node:fs/promises'

const FOLDER = new URL('./assets/', import.meta.url)

/** Every file that a page may name, with its type. */
const TYPES: Readonly<Record<string, string>> = {
  'console.css': 'text/css',
  'live.js': 'text/javascript',
  'mailed.js': 'text/javascript',
  'docs.js': 'text/javascript',
  'icon.svg': 'image/svg+xml',
}

/** A file of the console's own, undefined where there is none of that name. */
export const asset = async (name: string): Promise<{ type: string; text: string } | undefined> => {
  const type = Object.hasOwn(TYPES, name) ? TYPES[name] : undefined
  return type === undefined
    ? undefined
    : { type: `${type}; charset=utf-8`, text: await readFile(new URL(name, FOLDER), 'utf8') }
}
