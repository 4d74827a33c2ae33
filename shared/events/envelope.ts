import * as z from 'zod'
import { idSchema, newId, type OrganizationId } from '../kernel/id.ts'
import type { DeepReadonly } from '../kernel/readonly.ts'
import { type Instant, toIso } from '../kernel/time.ts'

/** CloudEvents 1.0 (JSON format) with the `traceparent` extension and two of our own. */
export const envelopeSchema = z.object({
  specversion: z.literal('1.0'),
  id: idSchema('event'),
  source: z.string(),
  type: z.string(),
  /** The aggregate, and the Kafka key: order holds per subject. */
  subject: z.string(),
  time: z.iso.datetime(),
  datacontenttype: z.literal('application/json'),
  /** The tenant; absent for events about a person or the platform. */
  organizationid: idSchema('organization').optional(),
  /** Who caused it: an account, or `system`. */
  actorid: z.string(),
  /** W3C Trace Context. */
  traceparent: z.string(),
  /** Position within its subject, from 1, without gaps. */
  sequence: z.int().positive(),
  data: z.unknown(),
})

export type Envelope<Data = unknown> = Omit<z.infer<typeof envelopeSchema>, 'data'> & {
  readonly data: Data
}

/** One type of event: which field of `data` is its aggregate (and so its Kafka key), and the shape of `data`. */
export type EventDefinition<Data extends z.ZodObject = z.ZodObject> = {
  readonly key: string & keyof z.infer<Data>
  readonly data: Data
}

export type EventDefinitions = Readonly<Record<string, EventDefinition>>

/** Keeps the literal types of a producer's events. */
export const defineEvents = <const Definitions extends EventDefinitions>(
  definitions: Definitions,
): Definitions => definitions

/** What a rule emits: the type and its data, flat. The envelope is added when it is written to the outbox. */
export type EventOf<
  Definitions extends EventDefinitions,
  Type extends keyof Definitions = keyof Definitions,
> = {
  [T in Type]: { readonly type: T } & DeepReadonly<z.infer<Definitions[T]['data']>>
}[Type]

/** Any event as a rule emits it, whoever the producer. */
export type Emitted = { readonly type: string }

export type EventContext = {
  readonly now: Instant
  readonly organizationId: OrganizationId | undefined
  readonly actorId: string
  readonly traceparent: string
}

/** Wraps what a rule emitted; its position within the aggregate is the outbox's to give. */
export const toEnvelope = (
  event: Emitted,
  { producer, subject, context }: { producer: string; subject: string; context: EventContext },
): Omit<Envelope, 'sequence'> => {
  const { type, ...data } = event
  return {
    specversion: '1.0',
    id: newId('event'),
    source: `/${producer}`,
    type,
    subject,
    time: toIso(context.now),
    datacontenttype: 'application/json',
    ...(context.organizationId && { organizationid: context.organizationId }),
    actorid: context.actorId,
    traceparent: context.traceparent,
    data,
  }
}
