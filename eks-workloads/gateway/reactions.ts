import { type Envelope, envelopeSchema } from '../../shared/events/envelope.ts'
import { type DataOf, type EventType, eventDefinition } from '../../shared/events/registry.ts'
import { type Instant, instantOf } from '../../shared/kernel/time.ts'
import { describeError, type Log } from '../../shared/observe/logger.ts'
import type { Principals } from './principals.ts'
import type { Sockets } from './sockets.ts'

type Deps = { readonly principals: Principals; readonly sockets: Pick<Sockets, 'closeWhere'> }

type Reaction<Type extends EventType> = (data: DataOf<Type>, deps: Deps, at: Instant) => void

/**
 * What the gateway does when something happened elsewhere: it forgets. It keeps nothing, so there is no
 * transaction and no inbox, and every reaction may run any number of times.
 */
export const reactions = {
  'session.revoked': ({ sessionId, accountId }, { principals, sockets }) => {
    principals.sessionRevoked(sessionId, accountId)
    sockets.closeWhere((access) => access.sessionId === sessionId)
  },
  'user.deactivated': ({ accountId }, { principals, sockets }, at) => {
    principals.accountDeactivated(accountId, at)
    sockets.closeWhere((access) => access.accountId === accountId)
  },
  'access.grants_changed': ({ accountId, organizationId }, { principals }) =>
    principals.grantsChanged(accountId, organizationId),
  'access.role_changed': ({ organizationId }, { principals }) =>
    principals.rolesChanged(organizationId),
} satisfies { readonly [Type in EventType]?: Reaction<Type> }

/** Whose events the gateway hears. */
export const producersHeard = ['auth', 'rbac', 'user'] as const

/** Takes one record of the log. What cannot be read may have been a revocation: then everything is forgotten. */
export const react = (value: Buffer | null, deps: Deps, log: Log): void => {
  if (value === null) return
  try {
    const event: Envelope = envelopeSchema.parse(JSON.parse(value.toString('utf8')))
    const reaction = reactions[event.type as keyof typeof reactions]
    if (!reaction) return
    const data = eventDefinition(event.type)?.data.parse(event.data)
    // The definition that types the reaction has just checked the data.
    const call = reaction as (data: unknown, deps: Deps, at: Instant) => void
    call(data, deps, instantOf(event.time))
  } catch (error) {
    log.error('event unreadable, everything forgotten', describeError(error))
    deps.principals.forgetAll()
  }
}
