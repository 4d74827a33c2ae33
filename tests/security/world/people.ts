import { type Api, openApi, Refused } from '../../../local/demo/api.ts'
import { meet, type Person } from '../../../local/demo/people.ts'
import { until } from '../../../local/demo/until.ts'
import { SAMPLE_ADMIN_EMAIL } from '../../../local/hub/hub.ts'
import { authContract } from '../../../shared/contracts/auth.ts'
import { organizationContract } from '../../../shared/contracts/organization.ts'
import { rbacContract } from '../../../shared/contracts/rbac.ts'
import type { BuiltInRoleName } from '../../../shared/contracts/roles.ts'
import type { OrganizationId } from '../../../shared/kernel/id.ts'
import { patient } from './patience.ts'

export type MemberRole = 'owner' | 'admin' | 'instructor' | 'learner'

/** Somebody of an organisation, signed in there: `api` and `accessToken` act in it. */
export type Member = Person & { readonly role: BuiltInRoleName }

/** What each built-in role is as a membership; what it is beyond that is granted later (tenant.ts). */
const MEMBERSHIP_OF: Readonly<Record<BuiltInRoleName, MemberRole>> = {
  owner: 'owner',
  admin: 'admin',
  instructor: 'instructor',
  learner: 'learner',
  course_instructor: 'learner',
  teaching_assistant: 'learner',
  platform_admin: 'learner',
}

/** On a busy machine. */
export const SOON_MS_MAX = 240_000

/** What is refused until the news of it has arrived is asked for again. */
export const soon = <Answer>(what: string, ask: () => Promise<Answer>): Promise<Answer> => {
  let last: unknown
  const attempt = () =>
    ask().catch((error: unknown) => {
      last = error
      return undefined
    })
  return until(what, attempt, { timeoutMs: SOON_MS_MAX }).catch((error: unknown) => {
    throw new Error(String(error), { cause: last })
  })
}

const unlessRefusedAs =
  (code: string) =>
  (error: unknown): undefined => {
    if (!(error instanceof Refused && error.problem?.code === code)) throw error
  }

/** The hub's first platform admin. */
export const meetOperator = (url: string): Promise<Person> =>
  soon('the operator to have signed up', () =>
    meet({ api: patient(openApi(url)), url }, { name: 'Op Operator', email: SAMPLE_ADMIN_EMAIL }),
  )

/**
 * A new organisation with somebody for each built-in role. The operator who begins it is no member of it at the end.
 *
 * @param canary part of every name in it.
 */
export const foundOrganization = async (
  url: string,
  { operator, canary }: { operator: Person; canary: string },
): Promise<{ organizationId: OrganizationId; members: readonly Member[] }> => {
  const { organizationId } = await soon('the operator to be known as one', () =>
    operator.api.call(organizationContract, 'createOrganization', {
      body: { name: `Organisation ${canary}` },
    }),
  )
  const founder = await actIn(operator.api, organizationId)
  const owner = await join(url, { inviter: founder, organizationId, canary, role: 'owner' })
  const others = (Object.keys(MEMBERSHIP_OF) as BuiltInRoleName[]).filter(
    (role) => role !== 'owner',
  )
  const joined = await Promise.all(
    others.map((role) => join(url, { inviter: founder, organizationId, canary, role })),
  )
  await founder.call(organizationContract, 'leaveOrganization', { params: { organizationId } })
  const members = [owner, ...joined]
  const admin = members.find(({ role }) => role === 'platform_admin')
  if (admin)
    await operator.api.call(rbacContract, 'createPlatformGrant', {
      body: { accountId: admin.accountId },
    })
  return { organizationId, members }
}

/** @returns a client whose token names the organisation as the active one. */
const actIn = async (api: Api, organizationId: OrganizationId): Promise<Api> =>
  api.as(await tokenIn(api, organizationId))

const tokenIn = async (api: Api, organizationId: OrganizationId): Promise<string> => {
  const { accessToken } = await soon('the membership to be known', () =>
    api.call(authContract, 'switchOrganization', { body: { organizationId } }),
  )
  return accessToken
}

const join = async (
  url: string,
  options: {
    inviter: Api
    organizationId: OrganizationId
    canary: string
    role: BuiltInRoleName
  },
): Promise<Member> => {
  const { inviter, organizationId, canary, role } = options
  const email = `${role}@${canary}.localhost`
  const person = await soon('somebody to have signed up', () =>
    meet({ api: patient(openApi(url)), url }, { name: `${role} ${canary}`, email }),
  )
  await soon('the inviter to be known', () =>
    inviter.call(organizationContract, 'createInvitation', {
      params: { organizationId },
      body: { email, role: MEMBERSHIP_OF[role] },
    }),
  )
  const token = await until(
    'the invitation',
    async () => {
      const mails = await fetch(`${url}/_hub/mail.json?to=${encodeURIComponent(email)}`)
      return /\/join\?token=([\w.~-]+)/.exec(await mails.text())?.[1]
    },
    { timeoutMs: SOON_MS_MAX },
  )
  await soon('the invitation to be accepted', () =>
    person.api
      .call(organizationContract, 'acceptInvitation', { body: { token } })
      // Accepted before, and the answer got lost.
      .catch(unlessRefusedAs('organization.invitation_over')),
  )
  const accessToken = await tokenIn(person.api, organizationId)
  return { ...person, role, accessToken, api: person.api.as(accessToken) }
}
