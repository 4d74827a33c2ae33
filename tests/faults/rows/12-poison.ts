import { redrive } from '../../../shared/bus/consume.ts'
import { newId } from '../../../shared/kernel/id.ts'
import type { Random } from '../../../tools/random.ts'
import type { Campus } from '../campus/campus.ts'
import type { Curriculum } from '../campus/curriculum.ts'
import { runOnCampus } from '../campus/run.ts'
import { takeInto } from '../campus/taking.ts'
import { readDeadLetters } from '../checks/log.ts'
import type { FaultRow } from '../fault-row.ts'

const POISONS = { slice: 24, long: 200 }
const HUGE_BYTES = 900_000
const TOPICS = ['hub.course.v1', 'hub.enrollment.v1', 'hub.organization.v1', 'hub.assessment.v1']

/**
 * Records that nobody can digest stand among the others: no JSON, no envelope, data of another shape, a NUL, one of
 * 900 kB, and one that every reaction refuses. Each is parked with its reason, announced, and holds nobody up; what
 * was wrong about the world, not the record, goes through when it is redriven.
 */
export const poison: FaultRow = {
  row: 12,
  name: 'records that nobody can digest',
  async run(context) {
    let sent = 0
    return runOnCampus(context, {
      async strike(campus, { signal, curriculum }) {
        const random = context.random.fork('poison')
        await closeLicensed(campus, curriculum, 0)
        for (; sent < POISONS[context.isLong ? 'long' : 'slice']; sent += 1) {
          await campus.history.reached(sent * 4, signal)
          await campus.bus.send([poisonFrom(random)])
        }
        return { faults: sent }
      },
      mayPark: true,
      after: (campus, curriculum) => digest(campus, curriculum),
    })
  },
}

const poisonFrom = (random: Random) => {
  const topic = random.pick(TOPICS)
  const envelope = {
    ...{ specversion: '1.0', id: newId('event'), source: '/nobody', subject: 'poison' },
    ...{ time: new Date(0).toISOString(), datacontenttype: 'application/json', actorid: 'nobody' },
    traceparent: `00-${'1'.repeat(32)}-${'1'.repeat(16)}-01`,
    sequence: 1,
  }
  const wrong = { ...envelope, type: 'enrollment.activated', data: { enrollmentId: 7 } }
  const value = random.pick([
    'no JSON at all {',
    '',
    'null',
    JSON.stringify({ type: 'enrollment.activated' }),
    JSON.stringify(wrong),
    JSON.stringify({ ...wrong, data: { text: 'a NUL: \u0000' } }),
    `\u0000${JSON.stringify(wrong)}`,
    JSON.stringify({ ...wrong, data: { text: 'x'.repeat(HUGE_BYTES) } }),
  ])
  return { topic, key: `poison-${random.int(8)}`, value }
}

/** Nobody can be let in by a seat: every reaction to a claimed one is refused. */
const closeLicensed = async (campus: Campus, { licensed }: Curriculum, capacity: number | null) => {
  await campus.database.query(
    `insert into enrollment.offerings (course_id, organization_id, capacity, time_zone,
       enforces_prerequisites, active_count)
     select course_id, organization_id, $2, 'UTC', false, 0 from enrollment.course_refs
     where course_id = $1
     on conflict (course_id) do update set capacity = excluded.capacity`,
    [licensed.courseId, capacity],
  )
}

const digest = async (campus: Campus, curriculum: Curriculum): Promise<readonly string[]> => {
  const violations: string[] = []
  const parked = await lettersOf(campus)
  if (parked.length === 0) violations.push('G5 nothing was parked')
  for (const { consumer, reason } of parked)
    if (reason === '') violations.push(`G4 ${consumer} parked a record without a reason`)
  const announced = (await readDeadLetters(campus, parked.length)).length
  if (announced < parked.length)
    violations.push(`G1 ${parked.length} letters were parked, ${announced} announced`)
  const seats = parked.filter(
    ({ consumer, type }) => consumer === 'enrollment' && type === 'seat.claimed',
  )
  await closeLicensed(campus, curriculum, null)
  const taking = takeInto(campus.database.url)
  try {
    const { redriven } = await redrive(taking.optionsOf('enrollment'), { recordsMax: 1_000 })
    if (redriven !== seats.length)
      violations.push(`G1 ${redriven} of ${seats.length} seats went through when redriven`)
  } finally {
    await taking.close()
  }
  return violations
}

type LetterRow = {
  readonly consumer: string
  readonly reason: string
  readonly type: string | null
}

const lettersOf = async (campus: Campus): Promise<readonly LetterRow[]> => {
  const tables = ['course', 'content', 'enrollment', 'progress', 'assessment', 'organization']
  return campus.database.query<LetterRow>(
    tables
      .map(
        (schema) => `select consumer, error as reason,
          substring(record ->> 'value' from '"type":"([a-z._]+)"') as type
          from ${schema}.dead_letter where redriven_at is null and discarded_at is null`,
      )
      .join(' union all '),
  )
}
