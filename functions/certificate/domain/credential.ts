import type { CertificateId, Id } from '../../../shared/kernel/id.ts'
import { type Instant, toIso } from '../../../shared/kernel/time.ts'
import type { Certificate, Snapshot } from './certificate.ts'
import { percent } from './rule.ts'

export const ISSUER_NAME = 'Learning Hub'

export const CREDENTIAL_CONTEXTS = [
  'https://www.w3.org/ns/credentials/v2',
  'https://purl.imsglobal.org/spec/ob/v3p0/context-3.0.3.json',
]

/** Addresses that credentials, mails and answers name. All of them lead to operations of this service. */
export const linksOf = (publicUrl: string) => {
  const base = `${publicUrl.replace(/\/$/, '')}/v1/certificates`
  return {
    hub: publicUrl,
    issuer: `${base}/issuer`,
    jwks: `${base}/issuer/jwks`,
    key: (keyId: Id<'signingKey'>) => `${base}/issuer/keys/${keyId}`,
    certificate: (certificateId: CertificateId) => {
      const own = `${base}/${certificateId}`
      return {
        page: `${own}/page`,
        verification: `${own}/verification`,
        pdf: `${own}/pdf`,
        credential: `${own}/credential`,
      }
    },
  }
}

export type Links = ReturnType<typeof linksOf>

/**
 * The claims of the JWT: an Open Badges 3.0 AchievementCredential (specification section 8.2) with the registered claims that
 * repeat some of it. Whole seconds, because JWT times are.
 */
export const credentialClaims = (
  { certificateId, courseId, versionId }: Certificate,
  snapshot: Snapshot,
  links: Links,
) => {
  const { page } = links.certificate(certificateId)
  const achievement = achievementOf({ courseId, versionId }, snapshot, links)
  const subject = `${page}#learner`
  const { issuedAt, validUntil } = snapshot
  return {
    '@context': CREDENTIAL_CONTEXTS,
    id: page,
    type: ['VerifiableCredential', 'AchievementCredential'],
    name: snapshot.courseTitle,
    issuer: {
      id: links.issuer,
      type: ['Profile'],
      name: ISSUER_NAME,
      url: links.hub,
    },
    validFrom: toIso(wholeSecond(issuedAt)),
    ...(validUntil !== null && { validUntil: toIso(wholeSecond(validUntil)) }),
    credentialSubject: {
      id: subject,
      type: ['AchievementSubject'],
      identifier: identifiersOf(snapshot),
      activityEndDate: toIso(snapshot.completedAt),
      achievement,
      ...(snapshot.gradeBasisPoints !== null && {
        result: [
          {
            type: ['Result'],
            resultDescription: `${achievement.id}#grade`,
            value: percent(snapshot.gradeBasisPoints),
          },
        ],
      }),
    },
    evidence: [
      {
        id: page,
        type: ['Evidence'],
        name: 'The certificate and how it stands',
        narrative: `Certificate of ${snapshot.organizationName}, with its status.`,
      },
    ],
    iss: links.issuer,
    jti: page,
    sub: subject,
    nbf: seconds(issuedAt),
    iat: seconds(issuedAt),
    ...(validUntil !== null && { exp: seconds(validUntil) }),
  }
}

/** The certificate that a credential of ours speaks of, from its `jti`; undefined if it names none. */
export const certificateIdOf = (jti: unknown, links: Links): CertificateId | undefined => {
  const id = /\/(crt_[0-9a-f]{32})\/page$/.exec(String(jti))?.[1] as CertificateId | undefined
  return id && links.certificate(id).page === jti ? id : undefined
}

const achievementOf = (
  { courseId, versionId }: Pick<Certificate, 'courseId' | 'versionId'>,
  { courseTitle, courseVersion, organizationName, gradeBasisPoints }: Snapshot,
  links: Links,
) => {
  const id = `${links.hub.replace(/\/$/, '')}/v1/courses/${courseId}/versions/${versionId}`
  return {
    id,
    type: ['Achievement'],
    achievementType: 'Course',
    name: courseTitle,
    version: String(courseVersion),
    description: `Completion of the course “${courseTitle}” at ${organizationName}.`,
    criteria: { narrative: 'All that the course requires was completed.' },
    ...(gradeBasisPoints !== null && {
      resultDescription: [
        {
          id: `${id}#grade`,
          type: ['ResultDescription'],
          name: 'Grade',
          resultType: 'Percent',
          valueMin: '0 %',
          valueMax: '100 %',
        },
      ],
    }),
  }
}

const identifiersOf = ({ learnerName, address }: Snapshot) => [
  {
    type: 'IdentityObject',
    hashed: false,
    identityHash: learnerName,
    identityType: 'name',
  },
  ...(address
    ? [
        {
          type: 'IdentityObject',
          hashed: true,
          identityHash: `sha256$${address.hash}`,
          identityType: 'emailAddress',
          salt: address.salt,
        },
      ]
    : []),
]

const seconds = (at: Instant): number => Math.floor(at / 1_000)

const wholeSecond = (at: Instant): Instant => (seconds(at) * 1_000) as Instant
