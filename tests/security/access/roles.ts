import { describe, expect, it } from '@jest/globals'
import type { Operation } from '../../../shared/contracts/define.ts'
import {
  type BuiltInRole,
  type BuiltInRoleName,
  builtInRoles,
} from '../../../shared/contracts/roles.ts'
import { say } from '../report.ts'
import type { World } from '../world/world.ts'
import { sendTo } from './ask.ts'
import { operations, templates } from './operations.ts'
import { fill } from './requests.ts'

/** Whether a role allows an operation on its own course or organisation: the contracts and roles say it, not we. */
const allows = (role: BuiltInRoleName, { scope, permission }: Operation): boolean => {
  const { scope: held, permissions }: BuiltInRole = builtInRoles[role]
  if (permission === undefined) return true
  if (held === 'platform') return permissions.includes(permission)
  if (scope === 'platform') return false
  // Who teaches a course is a member as well.
  const membership: BuiltInRole = held === 'course' ? builtInRoles.learner : builtInRoles[role]
  const onCourse = held === 'course' && scope === 'course' && permissions.includes(permission)
  return membership.permissions.includes(permission) || onCourse
}

const permitted = operations.filter(({ operation }) => operation.permission !== undefined)

/** Every operation that wants a permission x every role that lacks it, with ids that exist. */
export const describeRoles = (scene: { readonly world: World }): void => {
  describe('an operation that wants a permission', () => {
    it.each(permitted)('refuses every role without it: $title', async (listed) => {
      const { hub, ours } = scene.world
      const send = sendTo(hub.url)
      const [template] = templates(listed)
      if (!template) throw new Error('an operation has a request')
      const lacking = ours.members.filter(({ role }) => !allows(role, listed.operation))
      const request = fill(
        template,
        ({ prefix }) => ours.ids.get(prefix) ?? `${prefix}_${'0'.repeat(32)}`,
        { 'if-match': '"1"' },
      )
      const seen = await Promise.all(
        lacking.map(async ({ role, accessToken }) => {
          const { status, text } = await send(request, accessToken)
          return { role, status, text }
        }),
      )
      expect(seen.filter(({ status }) => status !== 403 && status !== 404)).toEqual([])
    })

    it('has somebody whom it refuses, wherever not everybody may', () => {
      const pairs = permitted.flatMap(({ operation }) =>
        scene.world.ours.members.filter(({ role }) => !allows(role, operation)),
      )
      say(`${pairs.length} pairs of a role and an operation that it lacks`)
      expect(pairs.length).toBeGreaterThan(200)
    })
  })
}
