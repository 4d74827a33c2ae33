import type { OrganizationId } from '../kernel/id.ts'

/** The public academy: whoever signs up without an invitation learns here. */
export const ACADEMY_ORGANIZATION_ID = 'org_00000000000070008000000000000001' as OrganizationId
