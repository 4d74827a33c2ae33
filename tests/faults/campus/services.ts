import { assessment } from '../../../functions/assessment/service.ts'
import { content } from '../../../functions/content/service.ts'
import { course } from '../../../functions/course/service.ts'
import { enrollment } from '../../../functions/enrollment/service.ts'
import { organization } from '../../../functions/organization/service.ts'
import { progress } from '../../../functions/progress/service.ts'
import type { Contract } from '../../../shared/contracts/define.ts'
import { type EventType, producerOf } from '../../../shared/events/registry.ts'
import { consumerGroupOf, topicOf } from '../../../shared/events/topics.ts'
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

/** The types that a service reacts to. */
export const reactedTypes = ({ reactions }: Service): readonly EventType[] =>
  Object.keys(reactions ?? {}) as EventType[]

/** A service's event-source mappings, as they deploy: one for each producer. */
export const mappingsOf = (service: Service): readonly { group: string; topic: string }[] =>
  [...new Set(reactedTypes(service).map(producerOf))].map((producer) => ({
    group: consumerGroupOf(nameOf(service), producer),
    topic: topicOf(producer),
  }))
