import type { Tenant } from '../world/tenant.ts'
import type { Answer } from './judge.ts'
import { nobodys } from './judge.ts'
import { fill, type Position, type Sent, type Template, titleOf } from './requests.ts'

const ATTEMPTS_MAX = 6

/** Sends a request as the holder of a token, or of none. */
export type Send = (request: Sent, token?: string) => Promise<Answer>

export const sendTo =
  (url: string): Send =>
  async ({ path, ...request }, token) => {
    for (let attempt = 1; ; attempt += 1) {
      const response = await fetch(`${url}${path}`, {
        ...request,
        headers: { ...request.headers, ...(token && { authorization: `Bearer ${token}` }) },
        redirect: 'manual',
      })
      const { status, headers } = response
      const text = await response.text()
      // A machine that is too busy to answer says nothing of who may what.
      const isAway = [502, 503, 504].includes(status)
      if (!isAway || attempt === ATTEMPTS_MAX) return { status, headers, text }
    }
  }

/** Which operation shows the ETag that another one wants. */
const ETAG_SHOWN_BY: Readonly<Record<string, string>> = {
  'course updateDraft': '/draft',
  'course replaceOutline': '/draft',
  'course publishCourse': '/draft',
  'content saveDraft': '/draft',
  'content reorderBlocks': '/draft',
  'content restoreRevision': '/draft',
  'assessment saveAnswers': '',
  'assessment replaceQuestion': '',
  'assessment updateSettings': '/settings',
  'rbac updateRole': '',
}

/** The ETag that the caller can read, so that a precondition hides nothing of what follows it. */
export const headersFor = async (
  template: Template,
  { send, token, idFor }: { send: Send; token: string; idFor: (position: Position) => string },
): Promise<Record<string, string>> => {
  if (!template.operation.ifMatch) return {}
  const shownBy = ETAG_SHOWN_BY[titleOf(template)]
  if (shownBy === undefined) return { 'if-match': '"0"' }
  const { path } = fill(template, idFor)
  // The thing itself is the first id of the path: `/v1/courses/{courseId}`.
  const thing = /^.*?\/[a-z]{3}_[0-9a-f]{32}/.exec(path)?.[0] ?? path
  const shown = await send({ method: 'GET', path: `${thing}${shownBy}`, headers: {} }, token)
  return { 'if-match': shown.headers.get('etag') ?? '"1"' }
}

/** An id of a kind: one that belongs to the tenant's main things, or any that it has. */
export const idOf = (
  tenant: Tenant,
  all: ReadonlySet<string>,
  prefix: string,
): string | undefined =>
  tenant.ids.get(prefix) ?? [...all].find((id) => id.startsWith(`${prefix}_`))

export type Attack = {
  readonly title: string
  readonly template: Template
  /** Which ids are another tenant's; the others are the asker's own. */
  readonly isForeign: (position: Position) => boolean
}

const keyOf = ({ place, path, prefix }: Position) => `${place}.${path.join('.')} (${prefix})`

/** Each id of an operation once by another tenant's, and all of them at once. */
export const attacksOn = (templates: readonly Template[]): readonly Attack[] => {
  const attacks = new Map<string, Attack>()
  for (const template of templates) {
    for (const position of template.positions) {
      const title = keyOf(position)
      if (!attacks.has(title))
        attacks.set(title, { title, template, isForeign: (other) => keyOf(other) === title })
    }
    if (template.positions.length > 1 && !attacks.has('all'))
      attacks.set('all', { title: 'all', template, isForeign: () => true })
  }
  return [...attacks.values()]
}

/** The same request with the other tenant's ids, and with ids that nobody has. */
export const askBoth = async (
  { template, isForeign }: Attack,
  options: {
    send: Send
    token: string
    oursOf: (prefix: string) => string
    theirsOf: (prefix: string) => string
  },
): Promise<{ readonly theirs: Answer; readonly unknown: Answer }> => {
  const { send, token, oursOf, theirsOf } = options
  const ask = async (foreignOf: (prefix: string) => string) => {
    const idFor = (position: Position) =>
      isForeign(position) ? foreignOf(position.prefix) : oursOf(position.prefix)
    const headers = await headersFor(template, { send, token, idFor })
    return send(fill(template, idFor, headers), token)
  }
  return { theirs: await ask(theirsOf), unknown: await ask(nobodys) }
}
