import { randomUUID } from 'node:crypto'
import { pause } from '../../../shared/kernel/pulse.ts'
import type { Client } from '../client.ts'
import type { History, Operation } from '../history.ts'
import type { FaultHub } from './hub.ts'

/**
 * An open loop: so many operations a second begin, whatever becomes of those before. Every other one creates a course
 * under a key, the rest look.
 *
 * @returns once all that began have ended.
 */
export const openLoop = async (options: {
  readonly client: Client
  readonly accessToken: string
  readonly perSecond: number
  readonly signal: AbortSignal
  readonly name: string
}): Promise<readonly Operation[]> => {
  const { client, accessToken, perSecond, signal, name } = options
  const running: Promise<Operation>[] = []
  const startedAt = performance.now()
  for (let begun = 0; !signal.aborted; begun += 1) {
    const dueInMs = startedAt + (begun * 1_000) / perSecond - performance.now()
    if (dueInMs > 0) await pause(dueInMs, signal)
    if (signal.aborted) break
    running.push(
      client.perform(wantedFrom(`${name}-${begun}`, { accessToken, isWrite: begun % 2 === 0 })),
    )
  }
  return Promise.all(running)
}

export const wantedFrom = (
  id: string,
  { accessToken, isWrite }: { accessToken: string; isWrite: boolean },
) => ({
  id,
  as: { accessToken },
  ...(isWrite
    ? {
        ...{ kind: 'createCourse', method: 'POST', path: '/v1/courses', key: randomUUID() },
        body: { title: id },
      }
    : { kind: 'look', method: 'GET', path: '/v1/users/me' }),
})

/** G1 and G2 of what was created through the gateway. */
export const judgeCourses = async (
  hub: FaultHub,
  { operations, violations }: History,
): Promise<{ followed: number; lost: number; doubled: number; violations: string[] }> => {
  const rows = await hub.query<{ id: string; title: string }>(
    'select course_id as id, title from course.courses',
  )
  const ids = new Set(rows.map(({ id }) => id))
  const byTitle = Map.groupBy(rows, ({ title }) => title)
  const judged = { followed: 0, lost: 0, doubled: 0, violations: [...violations] }
  for (const operation of operations.filter(({ kind }) => kind === 'createCourse')) {
    if ((byTitle.get(operation.id)?.length ?? 0) > 1) {
      judged.doubled += 1
      judged.violations.push(`G2 ${operation.id} was created twice`)
    }
    if (operation.outcome !== 'acknowledged') continue
    judged.followed += 1
    const { courseId } = operation.answer as { courseId: string }
    if (ids.has(courseId)) continue
    judged.lost += 1
    judged.violations.push(`G1 ${operation.id} was acknowledged and is not there`)
  }
  return judged
}
