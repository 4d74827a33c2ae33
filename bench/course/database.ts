import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { startPostgres } from '../../local/postgres/postgres.ts'
import { migrate } from '../../shared/db/migrate.ts'
import { type CourseId, newId, type OrganizationId } from '../../shared/kernel/id.ts'

export const ROLE_PASSWORD = 'bench'

const DATABASE = 'postgres'
const COURSES = 1_000
const migrationsDir = fileURLToPath(new URL('../../functions/course/migrations', import.meta.url))

export type CourseDatabase = {
  /** The owner's: row-level security does not bind it. */
  readonly url: string
  readonly organizationId: OrganizationId
  readonly courseIds: readonly CourseId[]
  stop(): Promise<void>
}

/** A real PostgreSQL with the course service's schema and published courses of one organisation. */
export const startCourseDatabase = async (): Promise<CourseDatabase> => {
  const folder = await mkdtemp(join(tmpdir(), 'hub-bench-'))
  // Without fsync: the disk would hide what the code costs.
  const postgres = await startPostgres({ dataDir: folder, durable: false })
  const url = postgres.url(DATABASE)
  await migrate({
    databaseUrl: url,
    rolePassword: ROLE_PASSWORD,
    services: [{ name: 'course', migrationsDir }],
  })
  const organizationId = newId('organization')
  const courseIds = Array.from({ length: COURSES }, () => newId('course'))
  await publish(url, organizationId, courseIds)
  return {
    ...{ url, organizationId, courseIds },
    async stop() {
      await postgres.stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

const publish = async (
  url: string,
  organizationId: OrganizationId,
  courseIds: readonly CourseId[],
) => {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  const versionIds = courseIds.map(() => newId('courseVersion'))
  const instructor = newId('account')
  const values = [courseIds, versionIds, organizationId, instructor, OUTLINE, RULE]
  await client.query(
    `insert into course.courses
     select id, $3, 'course-' || n, 'Course ' || n, 'A summary', 'A description', 'en', 'public', '{}', '{}',
       array[$4], $5::jsonb, $6::jsonb, $6::jsonb, 1, now(), null, version, 1, 1, now()
     from unnest($1::text[], $2::text[]) with ordinality as given(id, version, n)`,
    values,
  )
  await client.query(
    `insert into course.versions
     select version, id, $3, 1, 'Course ' || n, 'A summary', 'A description', 'en', '{}', '{}', '[]', $4::jsonb,
       $4::jsonb, now()
     from unnest($1::text[], $2::text[]) with ordinality as given(id, version, n)`,
    [courseIds, versionIds, organizationId, RULE],
  )
  await client.query('analyze')
  await client.end()
}

const RULE = JSON.stringify({ kind: 'all_required' })

/** Ten modules of ten lessons. */
const OUTLINE = JSON.stringify(
  Array.from({ length: 10 }, (_, module) => ({
    moduleId: newId('module'),
    title: `Module ${module}`,
    items: Array.from({ length: 10 }, () => ({ lessonId: newId('lesson'), required: true })),
  })),
)
