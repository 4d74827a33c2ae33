import { readFileSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import * as z from 'zod'

const layerSchema = z.object({
  files: z.array(z.object({ package: z.string(), path: z.string() })),
})

/** `FONTS_PATH` of one machine: the folders from which the fonts layer takes its files. */
export const fontsPath = (root: string): string => {
  const text = readFileSync(join(root, 'layers', 'fonts', 'layer.json'), 'utf8')
  const fonts = layerSchema
    .parse(JSON.parse(text))
    .files.filter(({ path }) => path.endsWith('.ttf'))
  return fonts
    .map((font) => join(root, 'node_modules', font.package, dirname(font.path)))
    .join(delimiter)
}
