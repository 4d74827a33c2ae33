import { assessment } from '../../../functions/assessment/service.ts'
import { content } from '../../../functions/content/service.ts'
import { course } from '../../../functions/course/service.ts'
import { enrollment } from '../../../functions/enrollment/service.ts'
import { organization } from '../../../functions/organization/service.ts'
import { progress } from '../../../functions/progress/service.ts'
import type { Contract } from '../../../shared/contracts/define.ts'
import { type EventType, producerOf } from '../../../shared/events/registry.ts'
import { topicOf } from '../../../shared/events/topics.ts'
import type { Service } from '../../../shared/service/define.ts'

// Each keeps its own types; what runs them all knows only the doors.
const asAny = (service: unknown) => service as Service<Contract, unknown>

/** The services that the faults meet: seats, enrolments, progress and grades, and what those need. */
export const campusServices: readonly Service<Contract, unknown>[] = [
  asAny(organization),
  asAny(course),
  asAny(content),
  asAny(enrollment),
  asAny(progress),
  asAny(assessment),
]

export const nameOf = ({ contract }: Service): string => contract.service

export const groupOf = (service: Service): string => `hub.${nameOf(service)}`

/** The types that a service reacts to. */
export const reactedTypes = ({ reactions }: Service): readonly EventType[] =>
  Object.keys(reactions ?? {}) as EventType[]

/** The topics that a service's event-source mappings read. */
export const topicsReadBy = (service: Service): readonly string[] => [
  ...new Set(reactedTypes(service).map((type) => topicOf(producerOf(type)))),
]
