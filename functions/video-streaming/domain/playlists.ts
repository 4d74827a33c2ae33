/**
 * Names below a rendition's prefix: letters, digits, `.`, `_` and `-`, in folders; never `..`,
 * never an absolute one.
 */
const SAFE_PATH = /^(?:[A-Za-z0-9_-][\w.-]*\/){0,8}[A-Za-z0-9_-][\w.-]*$/

export const isSafePath = (path: string): boolean => SAFE_PATH.test(path)

export const isPlaylist = (path: string): boolean => path.endsWith('.m3u8')

/** Where a reference inside a document leads, below the prefix; undefined if it leads elsewhere. */
export const resolveBelow = (documentPath: string, reference: string): string | undefined => {
  const folder = documentPath.slice(0, documentPath.lastIndexOf('/') + 1)
  const path = `${folder}${reference}`
  return isSafePath(reference) && isSafePath(path) ? path : undefined
}

export type Rewrite = (text: string, linkTo: (reference: string) => string) => string

/**
 * Every URI of a playlist, on lines of its own and in tags (RFC 8216 sections 4.1 and 4.2), as
 * `linkTo` wants it.
 */
export const rewritePlaylist: Rewrite = (text, linkTo) =>
  text
    .split(/\r?\n/)
    .map((line) => {
      if (line.startsWith('#'))
        return line.replaceAll(/\bURI="([^"]*)"/g, (_, uri: string) => `URI="${linkTo(uri)}"`)
      return line.trim() === '' ? line : linkTo(line.trim())
    })
    .join('\n')

/** Every picture of a WebVTT file of thumbnails (`sprite.jpg#xywh=0,0,160,90`). */
export const rewriteThumbnails: Rewrite = (text, linkTo) =>
  text
    .split(/\r?\n/)
    .map((line) => {
      const fragmentAt = line.indexOf('#xywh=')
      if (fragmentAt < 0) return line
      return `${linkTo(line.slice(0, fragmentAt).trim())}${line.slice(fragmentAt)}`
    })
    .join('\n')
