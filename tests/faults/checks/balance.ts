import type { Campus } from '../campus/campus.ts'
import type { Findings } from './findings.ts'

type Sum = {
  readonly what: string
  /** Gives a row for each thing that does not balance; `text` says which. */
  readonly broken: string
}

/** The enrolments that a projection knows as live, against those that are. */
const projectionOf = (table: string): Sum => ({
  what: `${table} knows who learns where`,
  broken: `
    select coalesce(p.enrollment_id, e.enrollment_id) as text
    from (select enrollment_id from ${table} where is_active) p
    full join (select enrollment_id from enrollment.enrollments where ended_at is null) e
      using (enrollment_id)
    where p.enrollment_id is null or e.enrollment_id is null`,
})

/** G3: what is counted in one place is there in the other. */
const SUMS: readonly Sum[] = [
  {
    what: 'a course has as many learners as it counts, and no more than its capacity',
    broken: `
      select o.course_id || ': ' || o.active_count || ' counted, ' || count(e.*) as text
      from enrollment.offerings o
      left join enrollment.enrollments e on e.course_id = o.course_id and e.ended_at is null
      group by o.course_id having o.active_count <> count(e.*) or o.active_count > o.capacity`,
  },
  {
    what: 'a pool has as many live seats as it counts',
    broken: `
      select p.pool_id || ': ' || p.taken_count || ' counted, ' || count(s.*) as text
      from organization.licence_pools p
      left join organization.seats s on s.pool_id = p.pool_id and s.state <> 'revoked'
      group by p.pool_id having p.taken_count <> count(s.*) or p.taken_count > p.seat_count`,
  },
  {
    what: 'every activated seat opens its course, and none else does',
    broken: `
      select coalesce(s.seat_id, t.source_ref) as text
      from (select seat_id from organization.seats where state = 'activated') s
      full join (select source_ref from enrollment.entitlements
                 where source = 'licence' and revoked_at is null) t
        on t.source_ref = s.seat_id
      where s.seat_id is null or t.source_ref is null`,
  },
  {
    what: 'a code was used as often as it let somebody in',
    broken: `
      select c.code_id || ': ' || c.uses || ' counted, ' || count(t.*) as text
      from enrollment.codes c
      left join enrollment.entitlements t on t.source = 'code' and t.source_ref = c.code_id
      group by c.code_id having c.uses <> count(t.*)`,
  },
  {
    what: 'a grade is what the saved answer earns',
    broken: `
      select a.attempt_id || ': ' || coalesce(a.grade_basis_points::text, 'none') as text
      from assessment.attempts a
      join assessment.attempt_items i using (attempt_id)
      where a.state in ('graded', 'released') and a.grade_basis_points is distinct from
        case when (i.answer ->> 'isTrue')::boolean then 10000 else 0 end`,
  },
  {
    what: 'every grade has reached progress, once',
    broken: `
      select account_id || ': ' || coalesce(a.n, 0) || ' graded, ' || coalesce(f.n, 0) || ' told' as text
      from (select account_id, course_id, count(*) as n from assessment.attempts
            where state in ('graded', 'released') group by 1, 2) a
      full join (select account_id, course_id, count(*) as n from progress.facts
                 where fact ->> 'kind' = 'graded' group by 1, 2) f using (account_id, course_id)
      where a.n is distinct from f.n`,
  },
  {
    what: 'what progress has completed is completed in enrollment',
    broken: `
      select coalesce(p.account_id, c.account_id) as text
      from (select distinct account_id, course_id from progress.enrollments
            where completed_at is not null) p
      full join (select account_id, course_id from enrollment.completions) c
        using (account_id, course_id)
      where p.account_id is null or c.account_id is null`,
  },
  projectionOf('course.learner_access'),
  projectionOf('content.learner_access'),
  projectionOf('progress.learner_access'),
  projectionOf('assessment.learner_access'),
  projectionOf('progress.enrollments'),
]

const SHOWN_MAX = 3

export const checkBalance = async (campus: Campus, findings: Findings): Promise<void> => {
  for (const { what, broken } of SUMS) {
    const rows = await campus.database.query<{ text: string }>(broken)
    if (rows.length === 0) continue
    const shown = rows.slice(0, SHOWN_MAX).map(({ text }) => text)
    findings.violations.push(`G3 ${what}: ${rows.length} do not (${shown.join('; ')})`)
  }
}
