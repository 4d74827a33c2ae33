import { openApi } from '../../../local/demo/api.ts'
import { meet } from '../../../local/demo/people.ts'
import { ACADEMY_ORGANIZATION_ID } from '../../../shared/contracts/academy.ts'
import { organizationContract } from '../../../shared/contracts/organization.ts'
import { patient } from '../world/patience.ts'
import { meetOperator, soon } from '../world/people.ts'

/** Nobody, somebody for each role of an organisation, and who stands above organisations. */
export const ASKERS = ['anonymous', 'learner', 'instructor', 'admin', 'platform admin'] as const

export type AskerRole = (typeof ASKERS)[number]

/** Signs them in afresh: a run is longer than an access token lives. @returns the token, or none. */
export const meetAsker = async (url: string, role: AskerRole): Promise<string | undefined> => {
  if (role === 'anonymous') return undefined
  const operator = await meetOperator(url)
  if (role === 'platform admin') return operator.accessToken
  const email = `${role}@fuzz.localhost`
  const person = await soon('somebody to have signed up', () =>
    meet({ api: patient(openApi(url)), url }, { name: `Fay ${role}`, email }),
  )
  const params = { organizationId: ACADEMY_ORGANIZATION_ID, accountId: person.accountId }
  await soon('the role to be given', () =>
    operator.api.call(organizationContract, 'changeMemberRole', { params, body: { role } }),
  )
  return person.accessToken
}
