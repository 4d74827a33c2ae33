import { randomBytes } from 'node:crypto'

export type Answer = {
  readonly status: number
  readonly headers: Headers
  readonly text: string
}

/** What must never reach another tenant. */
export type Secrets = {
  /** The text that stands in everything a person of the tenant has written. */
  readonly canary: string
  readonly ids: ReadonlySet<string>
}

/** An id of a kind that nobody has. */
export const nobodys = (prefix: string): string => `${prefix}_${randomBytes(16).toString('hex')}`

/**
 * What an answer tells of another tenant, one sentence each.
 *
 * @param sentIds ids that stood in the request: the asker knew them.
 */
export const leaksIn = (
  answer: Answer,
  { canary, ids }: Secrets,
  sentIds: ReadonlySet<string> = new Set(),
): readonly string[] => {
  const said = `${answer.text}\n${[...answer.headers].flat().join('\n')}`
  const told = [...new Set(said.match(/\b[a-z]{3}_[0-9a-f]{32}\b/g))].filter(
    (id) => ids.has(id) && !sentIds.has(id),
  )
  return [
    ...(said.includes(canary)
      ? [`${answer.status} with the canary: ${excerpt(said, canary)}`]
      : []),
    ...told.map((id) => `${answer.status} with ${id}: ${excerpt(said, id)}`),
  ]
}

/**
 * Another tenant's id must be answered as an id that nobody has: anything else tells that the thing exists.
 *
 * @returns what differs, or undefined.
 */
export const differenceOf = (theirs: Answer, nobodys: Answer): string | undefined => {
  const [seen, expected] = [theirs, nobodys].map(shapeOf)
  return seen === expected ? undefined : `${seen} where an unknown id gives ${expected}`
}

/** Whether the question was reached at all: before it come syntax, preconditions and quotas. */
export const isConclusive = ({ status, text }: Answer): boolean =>
  ![412, 428, 429].includes(status) && !/"code":"(request|idempotency|rate)\./.test(text)

/** An answer without what differs by itself: ids and how many stand in a row, instants, traces, signatures, revisions. */
const shapeOf = ({ status, text }: Answer): string =>
  `${status} ${text
    .replaceAll(/"https?:[^"]*"/g, '<url>')
    .replaceAll(/\beyJ[\w.-]+/g, '<token>')
    .replaceAll(/[a-z]{3}_[0-9a-f]{32}/g, '<id>')
    .replaceAll(/"<id>"(?:,"<id>")+/g, '"<id>"')
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, '<time>')
    .replaceAll(/"traceId":"\w+"/g, '')
    .replaceAll(/"(?:revision|currentRevision)":\d+/g, '')}`

const EXCERPT_LENGTH = 80

const excerpt = (text: string, word: string): string => {
  const at = text.indexOf(word)
  return text.slice(Math.max(0, at - EXCERPT_LENGTH), at + EXCERPT_LENGTH)
}
