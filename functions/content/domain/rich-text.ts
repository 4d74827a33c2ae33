import sanitize from 'sanitize-html'

/**
 * HTML that is safe to put into a page: only what the list names survives, whatever was sent. No
 * scripts, styles, frames,
 * forms, images or handlers; links go to https and mail addresses and give nothing of the page
 * away.
 */
export const sanitizeRichText = (html: string): string => sanitize(html, RULES)

/** Deeper nesting says nothing that a reader could see, and is what parsers are attacked with. */
const NESTING_MAX = 30

const RULES: sanitize.IOptions = {
  allowedTags: [
    ...['p', 'br', 'hr', 'h2', 'h3', 'h4', 'blockquote', 'pre', 'ul', 'ol', 'li'],
    ...['strong', 'b', 'em', 'i', 'u', 's', 'sub', 'sup', 'code', 'kbd', 'mark', 'a'],
    ...['table', 'caption', 'thead', 'tbody', 'tr', 'th', 'td'],
  ],
  allowedAttributes: {
    '*': ['lang', 'dir'],
    a: ['href', 'title', 'rel'],
    ol: ['start'],
    th: ['colspan', 'rowspan', 'scope'],
    td: ['colspan', 'rowspan'],
  },
  allowedSchemes: ['https', 'mailto'],
  allowedSchemesAppliedToAttributes: ['href'],
  allowProtocolRelative: false,
  parseStyleAttributes: false,
  disallowedTagsMode: 'discard',
  nestingLimit: NESTING_MAX,
  transformTags: {
    a: (tagName, attributes) => ({
      tagName,
      attribs: { ...attributes, rel: 'noopener noreferrer nofollow' },
    }),
  },
}
