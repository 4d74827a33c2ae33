import { readFile } from 'node:fs/promises'
import { InputError } from './input-error.ts'

/**
 * A file's text without the mark that tells its encoding. PowerShell redirects in UTF-16, spreadsheets save UTF-8 with
 * a mark; both are read as what they mean.
 *
 * @throws InputError where it cannot be read.
 */
export const readText = async (file: string, advice = ''): Promise<string> => {
  const bytes = await readFile(file).catch(() => {
    throw new InputError({ file }, `the file cannot be read${advice}`)
  })
  const isUtf16 = bytes[0] === 0xff && bytes[1] === 0xfe
  return new TextDecoder(isUtf16 ? 'utf-16le' : 'utf-8').decode(bytes)
}
