import { html } from 'hono/html'
import type { Instant } from '../../shared/kernel/time.ts'
import { toIso, toIsoOrNull } from '../../shared/kernel/time.ts'
import {
  type Certificate,
  type Issued,
  isIssued,
  type Snapshot,
  standingOf,
} from './domain/certificate.ts'
import { ISSUER_NAME, type Links } from './domain/credential.ts'
import { percent } from './domain/rule.ts'

type Seen = { readonly links: Links; readonly now: Instant }

/** For its learner and the staff. What is not issued yet claims nothing. */
export const showCertificate = (certificate: Certificate, { links, now }: Seen) => {
  const { certificateId, accountId, courseId, versionId, state, reasonCode, reason } = certificate
  const { supersedesId, supersededById, requestedAt } = certificate
  const issued = isIssued(certificate) ? certificate : undefined
  return {
    certificateId,
    accountId,
    courseId,
    versionId,
    state,
    standing: issued ? standingOf(issued, now).status : null,
    claims: issued ? showClaims(issued.snapshot) : null,
    reasonCode,
    reason,
    requestedAt: toIso(requestedAt),
    supersedesId,
    supersededById,
    links: issued ? links.certificate(certificateId) : null,
  }
}

/** For anybody. */
export const showVerification = (certificate: Issued, { links, now }: Seen) => {
  const { certificateId, snapshot, supersedesId, supersededById } = certificate
  const { status, reason, since } = standingOf(certificate, now)
  return {
    certificateId,
    status,
    reason,
    since: toIsoOrNull(since),
    claims: showClaims(snapshot),
    issuer: { id: links.issuer, name: ISSUER_NAME, jwks: links.jwks },
    supersedesId,
    supersededById,
    page: links.certificate(certificateId).page,
  }
}

const showClaims = ({ address: _, ...snapshot }: Snapshot) => ({
  ...snapshot,
  completedAt: toIso(snapshot.completedAt),
  issuedAt: toIso(snapshot.issuedAt),
  validUntil: toIsoOrNull(snapshot.validUntil),
})

/** No script, nothing from elsewhere: the page says the same with everything switched off. */
export const PAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"

const STATUS_SENTENCES = {
  valid: 'This certificate is valid.',
  revoked: 'This certificate was revoked. It is not valid.',
  expired: 'This certificate has expired. It is no longer valid.',
  superseded: 'This certificate was replaced by a newer one. It is no longer valid.',
}

/** Every claim of the certificate as a page; names are escaped by hono's `html`. */
export const certificatePage = async (certificate: Issued, { links, now }: Seen) => {
  const { certificateId, snapshot, supersedesId, supersededById } = certificate
  const { status, reason, since } = standingOf(certificate, now)
  const grade = snapshot.gradeBasisPoints
  const rows: readonly (readonly [string, string])[] = [
    ['Awarded to', snapshot.learnerName],
    ['Course', `${snapshot.courseTitle} (version ${snapshot.courseVersion})`],
    ['Given by', `${snapshot.organizationName}, through ${ISSUER_NAME}`],
    ['Grade', grade === null ? 'not graded' : percent(grade)],
    ['Completed', toIso(snapshot.completedAt)],
    ['Issued', toIso(snapshot.issuedAt)],
    ['Valid until', snapshot.validUntil === null ? 'for ever' : toIso(snapshot.validUntil)],
    ['Certificate', certificateId],
  ]
  const related = [
    { words: 'It was replaced by', id: supersededById },
    { words: 'It replaces', id: supersedesId },
  ].flatMap(({ words, id }) => (id === null ? [] : [{ words, page: links.certificate(id).page }]))
  const page = await html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>Certificate: ${snapshot.courseTitle}</title>
<style>
body { font: 1rem/1.6 system-ui, sans-serif; max-width: 42rem; margin: 2rem auto; padding: 0 1rem; color: #1b1b1b }
.status { padding: .75rem 1rem; border-left: .4rem solid #b3261e; background: #fceeee; font-weight: 600 }
.valid { border-color: #1b6e3c; background: #edf7f0 }
dt { font-size: .85rem; color: #555; margin-top: .75rem }
dd { margin: 0; overflow-wrap: anywhere }
code { overflow-wrap: anywhere }
</style>
</head>
<body>
<h1>Certificate</h1>
<p class="status ${status}" role="status">${STATUS_SENTENCES[status]}${reason === null ? '' : ` ${reason}`}${since === null ? '' : ` (Since ${toIso(since)}.)`}</p>
<dl>${rows.map(([name, value]) => html`<dt>${name}</dt><dd dir="auto">${value}</dd>`)}</dl>
${related.map(({ words, page: url }) => html`<p>${words} <a href="${url}">another certificate</a>.</p>`)}
<h2>How to verify it</h2>
<p>This page is the record: a paper or a file that says otherwise was altered. The holder can also show you an Open
Badges 3.0 credential, a signed text (JWT, EdDSA). Any verifier can check its signature with the keys of
<a href="${links.jwks}">${links.jwks}</a>; its header names the very key.</p>
<p>For programs: <code>GET ${links.certificate(certificateId).verification}</code></p>
</body>
</html>
`
  return String(page)
}
