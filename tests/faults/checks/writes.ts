import { isDeepStrictEqual } from 'node:util'
import type { Campus } from '../campus/campus.ts'
import { createClient } from '../client.ts'
import { createHistory, type Operation } from '../history.ts'
import type { Findings } from './findings.ts'

type Kept = {
  /** Gives a row for each effect; `id` is what the answer calls it, `name` what the operation asked for. */
  readonly rows: string
  readonly idField: string
}

/** Where the effect of each keyed creation stands, and by what it is told from others. */
const CREATED: Readonly<Record<string, Kept>> = {
  createCourse: {
    rows: 'select course_id as id, title as name from course.courses',
    idField: 'courseId',
  },
  createLesson: {
    rows: 'select lesson_id as id, title as name from content.revisions',
    idField: 'lessonId',
  },
  createQuestion: {
    rows: `select question_id as id, content ->> 'prompt' as name from assessment.question_versions`,
    idField: 'questionId',
  },
  createCode: {
    // A code has no name: the moment that it ends is told from all others by its milliseconds.
    rows: `select code_id as id,
      to_char(expires_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as name from enrollment.codes`,
    idField: 'codeId',
  },
}

/** G1 and G2 for what the clients were told: every acknowledged write is there, and nothing of it twice. */
export const checkWrites = async (campus: Campus, findings: Findings): Promise<void> => {
  const { operations } = campus.history
  for (const [kind, kept] of Object.entries(CREATED))
    await checkCreated(campus, { kind, kept, operations, findings })
  await checkStays(campus, findings)
  await checkOne(campus, findings, {
    kind: 'claimSeat',
    ids: `select seat_id as id from organization.seats`,
    idOf: (operation) => fieldOf(operation, 'seatId'),
  })
  await checkOne(campus, findings, {
    kind: 'view',
    ids: `select fact_id as id from progress.facts`,
    idOf: ({ body }) => `client:${(body as { clientEventId: string }).clientEventId}`,
  })
  await checkOne(campus, findings, {
    kind: 'submit',
    ids: `select attempt_id as id from assessment.attempts where state in ('graded', 'released')`,
    idOf: (operation) => fieldOf(operation, 'attemptId'),
  })
  await checkReplays(campus, findings)
}

const checkCreated = async (
  campus: Campus,
  options: {
    kind: string
    kept: Kept
    operations: readonly Operation[]
    findings: Findings
  },
) => {
  const { kind, kept, operations, findings } = options
  const rows = await campus.database.query<{ id: string; name: string | null }>(kept.rows)
  const ids = new Set(rows.map(({ id }) => id))
  const byName = Map.groupBy(rows, ({ name }) => name)
  for (const operation of operations.filter((each) => each.kind === kind)) {
    const effects = byName.get(nameIn(operation))?.length ?? 0
    if (effects > 1) {
      findings.doubled += 1
      findings.violations.push(`G2 ${kind} ${operation.id} made ${effects}`)
    }
    if (operation.outcome !== 'acknowledged') continue
    if (!ids.has(fieldOf(operation, kept.idField))) lose(findings, operation)
  }
}

/** Enrolments: each that was answered exists, each that was left has ended, and none was made that nobody knows of. */
const checkStays = async (campus: Campus, findings: Findings) => {
  const rows = await campus.database.query<{ id: string; isEnded: boolean; source: string }>(
    `select e.enrollment_id as id, e.ended_at is not null as "isEnded",
       (select min(source) from enrollment.entitlements t
        where t.enrollment_id = e.enrollment_id) as source
     from enrollment.enrollments e`,
  )
  const stays = new Map(rows.map((row) => [row.id, row]))
  const known = new Set<string>()
  for (const operation of campus.history.operations) {
    if (operation.outcome !== 'acknowledged') continue
    if (!['enrol', 'redeem', 'leave'].includes(operation.kind)) continue
    const id = fieldOf(operation, 'enrollmentId')
    known.add(id)
    const stay = stays.get(id)
    if (!stay || (operation.kind === 'leave' && !stay.isEnded)) lose(findings, operation)
  }
  const isSettled = campus.history.operations.every(({ outcome }) => outcome !== 'unknown')
  for (const { id, source } of rows)
    if (isSettled && source !== 'licence' && !known.has(id)) {
      findings.doubled += 1
      findings.violations.push(`G2 nobody was told of the enrolment ${id}`)
    }
}

const checkOne = async (
  campus: Campus,
  findings: Findings,
  { kind, ids, idOf }: { kind: string; ids: string; idOf: (operation: Operation) => string },
) => {
  const rows = await campus.database.query<{ id: string }>(ids)
  const there = new Set(rows.map(({ id }) => id))
  for (const operation of campus.history.operations)
    if (operation.kind === kind && operation.outcome === 'acknowledged')
      if (!there.has(idOf(operation))) lose(findings, operation)
}

/** Whoever asks again with the same key gets the same answer, long after. */
const checkReplays = async (campus: Campus, findings: Findings) => {
  const keyed = campus.history.operations.filter(
    ({ key, outcome }) => key !== undefined && outcome === 'acknowledged',
  )
  const history = createHistory()
  const client = createClient({ ...campus, history })
  for (const operation of keyed.slice(-REPLAYS_MAX)) {
    const { id, kind } = operation
    const again = await client.perform(operation)
    if (isDeepStrictEqual(again.answer, operation.answer)) continue
    findings.doubled += 1
    findings.violations.push(`G2 ${kind} ${id} answers otherwise when asked again`)
  }
  findings.violations.push(...history.violations)
}

const REPLAYS_MAX = 50

const lose = (findings: Findings, { kind, id }: Operation) => {
  findings.lost += 1
  findings.violations.push(`G1 ${kind} ${id} was acknowledged and is not there`)
}

const fieldOf = ({ answer }: Operation, name: string): string =>
  String((answer as Readonly<Record<string, unknown>>)[name])

const nameIn = ({ id, body }: Operation): string => {
  const { title, content, expiresAt } = body as {
    title?: string
    content?: { prompt?: string }
    expiresAt?: string
  }
  return title ?? content?.prompt ?? expiresAt ?? id
}
