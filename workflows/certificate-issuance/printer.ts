import { createRequire } from 'node:module'
import { delimiter } from 'node:path'
import type { NodeCompiler } from '@myriaddreamin/typst-ts-node-compiler'
import type { Instant } from '../../shared/kernel/time.ts'
import type { Sheet } from './sheet.ts'

/** Typst, with the fonts of the layer. */
export type Printer = {
  /**
   * An archival PDF (PDF/A-2a) with its fonts inside; the same sheet and instant give the same bytes.
   *
   * @throws NotPrintable when no font has a character of it.
   */
  print(sheet: Sheet, at: Instant): Promise<Uint8Array>
}

/** A text holds characters that no font of ours has. */
export class NotPrintable extends Error {
  override readonly name = 'NotPrintable'
}

/** Sheets for which results of former ones are kept: the template stays warm, the memory bounded. */
const CACHE_AGE_MAX = 10

/** @param fontsPath folders, joined as in PATH. */
export const openPrinter = (fontsPath: string): Printer => {
  let compiler: NodeCompiler | undefined
  return {
    async print({ template, texts }, at) {
      compiler ??= loadTypst().create({ fontArgs: [{ fontPaths: fontsPath.split(delimiter) }] })
      try {
        const document = { mainFileContent: template, inputs: { ...texts } }
        const seconds = Math.floor(at / 1_000)
        return compiler.pdf(document, { pdfStandard: 'a-2a', creationTimestamp: seconds })
      } catch (error) {
        throw missingGlyphs(error) ?? error
      } finally {
        compiler.evictCache(CACHE_AGE_MAX)
      }
    },
  }
}

// A native module: no bundler can carry it. On Lambda the layer brings it (/opt/nodejs, which only `require` searches), on
// one machine it is npm's own.
const loadTypst = (): typeof NodeCompiler => {
  const load = createRequire(import.meta.url)
  const { NodeCompiler: compiler }: typeof import('@myriaddreamin/typst-ts-node-compiler') = load(
    '@myriaddreamin/typst-ts-node-compiler',
  )
  return compiler
}

const missingGlyphs = (error: unknown): NotPrintable | undefined => {
  const found = [...String(error).matchAll(/the text `\\?"(.+?)\\?"` could not be displayed/g)]
  if (found.length === 0) return undefined
  const characters = [...new Set(found.map(([, character]) => character))]
  return new NotPrintable(
    `No font has these characters: ${characters.slice(0, CHARACTERS_NAMED_MAX).join(' ')}`,
  )
}

const CHARACTERS_NAMED_MAX = 10
