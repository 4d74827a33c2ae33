import { builtInRoles } from '../../shared/contracts/roles.ts'
import type { Principal } from '../../shared/http/caller.ts'
import { newId, type OrganizationId } from '../../shared/kernel/id.ts'

/** A learner of an organisation, as the gateway would know one. */
export const aLearner = (organizationId: OrganizationId): Principal => ({
  accountId: newId('account'),
  sessionId: newId('session'),
  organizationId,
  grants: { platform: [], organization: builtInRoles.learner.permissions, courses: {} },
})
