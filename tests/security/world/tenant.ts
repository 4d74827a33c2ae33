import type { Api } from '../../../local/demo/api.ts'
import type { Person } from '../../../local/demo/people.ts'
import { until } from '../../../local/demo/until.ts'
import { assessmentContract } from '../../../shared/contracts/assessment.ts'
import { certificateContract } from '../../../shared/contracts/certificate.ts'
import { courseContract } from '../../../shared/contracts/course.ts'
import { enrollmentContract } from '../../../shared/contracts/enrollment.ts'
import { organizationContract } from '../../../shared/contracts/organization.ts'
import { progressContract } from '../../../shared/contracts/progress.ts'
import { rbacContract } from '../../../shared/contracts/rbac.ts'
import type { BuiltInRoleName } from '../../../shared/contracts/roles.ts'
import { userContract } from '../../../shared/contracts/user.ts'
import { videoProcessingContract } from '../../../shared/contracts/video-processing.ts'
import { videoStreamingContract } from '../../../shared/contracts/video-streaming.ts'
import type { OrganizationId } from '../../../shared/kernel/id.ts'
import { type BuiltCourse, buildCourse } from './course.ts'
import { PNG, uploadFile } from './files.ts'
import { foundOrganization, type Member, SOON_MS_MAX, soon } from './people.ts'

/** An organisation with one of everything, and somebody for every built-in role. */
export type Tenant = {
  /** Stands in every text that somebody of this tenant has written. */
  readonly canary: string
  readonly organizationId: OrganizationId
  readonly members: readonly Member[]
  /** The very ids that belong together, by prefix; others of the tenant are found in its rows. */
  readonly ids: ReadonlyMap<string, string>
  /** What names a thing without being an id, by the name of the field that takes it. */
  readonly words: ReadonlyMap<string, string>
}

export const memberOf = ({ members }: Pick<Tenant, 'members'>, role: BuiltInRoleName): Member => {
  const found = members.find((member) => member.role === role)
  if (!found) throw new Error(`Nobody is ${role}.`)
  return found
}

export const buildTenant = async (
  url: string,
  { operator, canary }: { operator: Person; canary: string },
): Promise<Tenant> => {
  const organization = await foundOrganization(url, { operator, canary })
  const { organizationId } = organization
  const owner = memberOf(organization, 'owner').api
  await soon('the owner to be known as one', () =>
    owner.call(organizationContract, 'createSubOrganization', {
      params: { organizationId },
      body: { name: `Below ${canary}` },
    }),
  )
  const course = await buildCourse(owner, canary)
  const given = await give(organization, { course, canary })
  const learnt = await learn(memberOf(organization, 'learner').api, { course, canary })
  const { courseId, versionId, assessmentId, lessons, media, slug } = course
  return {
    canary,
    ...organization,
    ids: new Map<string, string>([
      ['org', organizationId],
      ['acc', memberOf(organization, 'learner').accountId],
      ['crs', courseId],
      ['crv', versionId],
      ['asm', assessmentId],
      ['les', lessons.film],
      ['med', media.film],
      ...given.ids,
      ...learnt,
    ]),
    words: new Map([
      ['slug', slug],
      ['q', canary],
      ['code', given.code],
    ]),
  }
}

type Organization = Pick<Tenant, 'organizationId' | 'members'>

/** What those who run an organisation hand out: roles, seats, codes, extra time, captions. */
const give = async (
  organization: Organization,
  { course: { courseId, media }, canary }: { course: BuiltCourse; canary: string },
): Promise<{ ids: readonly (readonly [string, string])[]; code: string }> => {
  const { organizationId } = organization
  const owner = memberOf(organization, 'owner').api
  const learner = memberOf(organization, 'learner')
  const assistant = memberOf(organization, 'teaching_assistant')
  const instructor = memberOf(organization, 'course_instructor')
  await soon('the course to know the members', () =>
    owner.call(courseContract, 'addInstructor', {
      params: { courseId },
      body: { accountId: instructor.accountId },
    }),
  )
  const { grantId } = await soon('the members to be known', () =>
    owner.call(rbacContract, 'createGrant', {
      body: { accountId: assistant.accountId, role: 'teaching_assistant', courseId },
    }),
  )
  const { roleId } = await owner.call(rbacContract, 'createRole', {
    body: { name: `Role ${canary}`, scope: 'organization', permissions: ['course:create'] },
  })
  const { poolId } = await owner.call(organizationContract, 'createLicencePool', {
    params: { organizationId },
    body: { courseId, name: `Pool ${canary}`, seatCount: 5 },
  })
  const { seatId } = await owner.call(organizationContract, 'assignSeat', {
    params: { organizationId, poolId },
    body: { accountId: assistant.accountId },
  })
  const { invitationId } = await owner.call(organizationContract, 'createInvitation', {
    params: { organizationId },
    body: { email: `pending@${canary}.localhost`, role: 'learner' },
  })
  const { codeId, code } = await owner.call(enrollmentContract, 'createCode', {
    params: { courseId },
    body: { usesMax: 5 },
  })
  await owner.call(assessmentContract, 'putAccommodation', {
    params: { courseId, accountId: learner.accountId },
    body: { timeFactorBasisPoints: 15_000 },
  })
  const videos = await owner.call(videoProcessingContract, 'listVideos', {
    query: { mediaId: media.film },
  })
  const videoId = videos.items[0]?.videoId ?? ''
  await soon('the captions to be known', () =>
    owner.call(videoProcessingContract, 'putCaptions', {
      params: { videoId: videoId as never, language: 'en' },
      body: { mediaId: media.captions, label: `Captions ${canary}` },
    }),
  )
  const ids = { grt: grantId, rol: roleId, lic: poolId, sea: seatId, inv: invitationId }
  return { code, ids: Object.entries({ ...ids, cod: codeId, vid: videoId }) }
}

/** What a learner leaves behind: an enrolment, a playback, an attempt, a certificate, an avatar. */
const learn = async (
  api: Api,
  { course, canary }: { course: BuiltCourse; canary: string },
): Promise<readonly (readonly [string, string])[]> => {
  const { courseId, lessons, media, assessmentId } = course
  const { enrollmentId, entitlements } = await soon('the course to be known', () =>
    api.call(enrollmentContract, 'enrolSelf', { body: { courseId } }),
  )
  const { playbackId } = await soon('the film to be known', () =>
    api.call(videoStreamingContract, 'startPlayback', {
      body: { courseId, lessonId: lessons.film, mediaId: media.film },
    }),
  )
  const attempt = await soon('the quiz to be known', () =>
    api.call(assessmentContract, 'startAttempt', { params: { assessmentId } }),
  )
  const { attemptId, items, revision } = attempt
  const essay = items.find(({ asked }) => asked.kind === 'essay')
  if (!essay) throw new Error('The quiz has an essay.')
  const { questionId } = essay
  await api.call(
    assessmentContract,
    'saveAnswers',
    {
      params: { attemptId },
      body: { answers: [{ questionId, answer: { kind: 'essay', text: `Essay ${canary}` } }] },
    },
    { ifMatch: revision },
  )
  await api.call(assessmentContract, 'submitAttempt', { params: { attemptId } })
  const mediaId = await uploadFile(api, { kind: 'image', name: `${canary}.png`, bytes: PNG })
  await api.call(userContract, 'setAvatar', { body: { mediaId } })
  await soon('the version to be known', () =>
    api.call(progressContract, 'recordItem', {
      params: { courseId, lessonId: lessons.text },
      body: { kind: 'viewed', clientEventId: crypto.randomUUID() },
    }),
  )
  const certificateId = await until(
    'the certificate',
    async () => {
      const page = await api.call(certificateContract, 'listOwnCertificates')
      return page.items.find(({ state }) => state === 'issued')?.certificateId
    },
    { timeoutMs: SOON_MS_MAX },
  )
  const ids = { enr: enrollmentId, pbk: playbackId, att: attemptId, qst: questionId }
  const entitlementId = entitlements[0]?.entitlementId ?? ''
  return Object.entries({ ...ids, ent: entitlementId, crt: certificateId })
}
