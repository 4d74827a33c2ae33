import type * as z from 'zod'
import { assessmentEvents } from './assessment.ts'
import { authEvents } from './auth.ts'
import { certificateEvents } from './certificate.ts'
import { contentEvents } from './content.ts'
import { courseEvents } from './course.ts'
import { enrollmentEvents } from './enrollment.ts'
import type { EventDefinition, EventDefinitions } from './envelope.ts'
import { mediaEvents } from './media.ts'
import { organizationEvents } from './organization.ts'
import { progressEvents } from './progress.ts'
import { rbacEvents } from './rbac.ts'
import { userEvents } from './user.ts'
import { videoProcessingEvents } from './video-processing.ts'
import { videoStreamingEvents } from './video-streaming.ts'

/** Who emits what. Only joins the producers' files; an event is changed in its own. */
export const producers = {
  assessment: assessmentEvents,
  auth: authEvents,
  certificate: certificateEvents,
  content: contentEvents,
  course: courseEvents,
  enrollment: enrollmentEvents,
  media: mediaEvents,
  organization: organizationEvents,
  progress: progressEvents,
  rbac: rbacEvents,
  user: userEvents,
  'video-processing': videoProcessingEvents,
  'video-streaming': videoStreamingEvents,
} as const satisfies Readonly<Record<string, EventDefinitions>>

export type Producer = keyof typeof producers

type UnionToIntersection<Union> = (Union extends unknown ? (each: Union) => void : never) extends (
  all: infer All,
) => void
  ? All
  : never

type AllDefinitions = UnionToIntersection<(typeof producers)[Producer]>

/** Every type of event that any service emits. */
export type EventType = keyof AllDefinitions & string

export type DataOf<Type extends EventType> = AllDefinitions[Type] extends {
  readonly data: infer Data extends z.ZodType
}
  ? z.infer<Data>
  : never

const definitions: ReadonlyMap<string, EventDefinition> = new Map(
  Object.values(producers).flatMap((events) => Object.entries<EventDefinition>(events)),
)

export const eventDefinition = (type: string): EventDefinition | undefined => definitions.get(type)

/** The service whose topic carries this type. */
export const producerOf = (type: EventType): Producer => {
  const entry = Object.entries(producers).find(([, events]) => type in events)
  if (!entry) throw new Error(`no service produces ${type}`)
  return entry[0] as Producer
}
