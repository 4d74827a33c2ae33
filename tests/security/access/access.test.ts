import { useWorld } from '../world/world.ts'
import { describeHole } from './hole.ts'
import { describeRoles } from './roles.ts'
import { describeTenants } from './tenants.ts'
import { describeTokens } from './tokens.ts'

// What the contracts promise of access, asked of a whole hub through its gateway: one world for all of it, since it takes
// longer to build than to question.
const scene = useWorld()

describeTenants(scene)
describeRoles(scene)
describeTokens(scene)
describeHole(scene)
