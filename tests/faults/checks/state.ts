import { createHash } from 'node:crypto'

/**
 * What the services know from events alone, without what differs between two runs by right: ids made on the way,
 * moments of arrival, and the sequence up to which a row is current.
 */
const PROJECTIONS: Readonly<Record<string, string>> = {
  'course learners': `
    select enrollment_id, course_id, account_id from course.learner_access
    where is_active order by 1`,
  'content access': `
    select enrollment_id, course_id, account_id, version_id from content.learner_access
    where is_active order by 1`,
  'assessment access': `
    select enrollment_id, course_id, account_id, version_id from assessment.learner_access
    where is_active order by 1`,
  'progress access': `
    select enrollment_id, course_id, account_id, version_id from progress.learner_access
    where is_active order by 1`,
  // What was concluded is told to the world and never taken back (decision 0030): of an enrolment that has ended, it
  // depends on what had arrived by then; its moment does for every one.
  'progress stays': `
    select enrollment_id, account_id, version_id, is_active,
      case when is_active then array(select jsonb_object_keys(completions) order by 1) end as done,
      case when is_active then state end as state, case when is_active then percent end as percent
    from progress.enrollments order by 1`,
  'progress activity': `
    select account_id, course_id, coverage, touched, last_activity_at
    from progress.learners order by 1, 2`,
  'progress facts': `
    select account_id, course_id, fact_id, fact from progress.facts
    where fact ->> 'kind' not in ('item_completed', 'course_completed') order by 1, 2, 3`,
  completions: 'select account_id, course_id from enrollment.completions order by 1, 2',
  memberships: `
    select organization_id, account_id, is_member from enrollment.memberships order by 1, 2`,
  members: 'select organization_id, account_id, role from organization.members order by 1, 2',
  prerequisites:
    'select course_id, version_id, prerequisite_ids from enrollment.prerequisites order by 1',
  ...Object.fromEntries(
    ['content', 'enrollment', 'progress', 'assessment', 'organization'].map((schema) => [
      `${schema} courses`,
      `select course_id, title, visibility, instructor_ids, published_version_id, archived_at
       from ${schema}.course_refs order by 1`,
    ]),
  ),
}

/** A hash of each projection. */
export type State = Readonly<Record<string, string>>

type Query = (text: string) => Promise<readonly unknown[]>

export const stateOf = async (query: Query): Promise<State> => {
  const hashes: Record<string, string> = {}
  for (const [name, text] of Object.entries(PROJECTIONS)) {
    const rows = await query(text)
    const hash = createHash('sha256').update(JSON.stringify(rows)).digest('hex').slice(0, 16)
    hashes[name] = `${rows.length} rows, ${hash}`
  }
  return hashes
}

/** In words, where two states part. */
export const differences = (expected: State, found: State): readonly string[] =>
  Object.entries(expected).flatMap(([name, hash]) =>
    found[name] === hash ? [] : [`G2 ${name}: ${hash} expected, ${found[name]} found`],
  )
