import { XMLParser } from 'fast-xml-parser'
import { S3Error } from '../errors.ts'

const NAMESPACE = 'http://s3.amazonaws.com/doc/2006-03-01/'

/** An element's content: text, children by name, or a list of elements of one name. */
export type XmlContent =
  | string
  | number
  | boolean
  | undefined
  | readonly XmlContent[]
  | { readonly [name: string]: XmlContent }

/** An XML document; undefined content leaves the element out. */
export const xmlDocument = (root: string, content: XmlContent): string =>
  `<?xml version="1.0" encoding="UTF-8"?>\n<${root} xmlns="${NAMESPACE}">${inner(content)}</${root}>`

/** Errors carry no namespace in S3. */
export const xmlErrorDocument = (content: XmlContent): string =>
  `<?xml version="1.0" encoding="UTF-8"?>\n${element('Error', content)}`

const parser = new XMLParser({
  ignoreAttributes: true,
  parseTagValue: false,
  trimValues: false,
  htmlEntities: true, // numeric references too: the SDK writes line ends in keys as &#xA;
})

/**
 * The content of a request's XML document, for a schema to validate.
 *
 * @throws S3Error MalformedXML, also for a document type: entities of a stranger are not expanded.
 */
export function parseXml(text: string, root: string): unknown {
  if (text.includes('<!DOCTYPE')) throw new S3Error('MalformedXML')
  try {
    return (parser.parse(text, true) as Record<string, unknown>)[root]
  } catch (cause) {
    throw new S3Error('MalformedXML', undefined, { cause })
  }
}

function inner(content: XmlContent): string {
  if (typeof content !== 'object') return escapeText(String(content ?? ''))
  return Object.entries(content)
    .map(([name, child]) => element(name, child))
    .join('')
}

function element(name: string, content: XmlContent): string {
  if (content === undefined) return ''
  if (Array.isArray(content)) return content.map((item) => element(name, item)).join('')
  return `<${name}>${inner(content)}</${name}>`
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
}

const escapeText = (text: string): string =>
  text.replace(
    // biome-ignore lint/suspicious/noControlCharactersInRegex: a key may hold control characters.
    /[&<>"\u0000-\u001f\u0085\u2028]/g,
    (character) => ENTITIES[character] ?? `&#x${character.charCodeAt(0).toString(16)};`,
  )
