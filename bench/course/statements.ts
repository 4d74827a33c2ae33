/** The statements of the two operations, as the service's store sends them. */

const COLUMNS = [
  ...['course_id', 'organization_id', 'slug', 'title', 'summary', 'description', 'language'],
  ...['visibility', 'category_ids', 'prerequisite_ids', 'instructor_ids', 'outline'],
  ...['completion_rule', 'certificate_rule', 'revision', 'created_at'],
]

export const COURSE_BY_ID = 'select * from "course"."courses" where "course_id" = $1'

export const PUBLISHED_COURSE = `select "course".*, "version"."title", "version"."summary", "version"."description",
  "version"."language", "version"."category_ids", "version"."prerequisite_ids"
  from "course"."courses" as "course"
  inner join "course"."versions" as "version" on "version"."version_id" = "course"."published_version_id"
  where "course"."course_id" = $1`

export const COURSE_BY_SLUG = `select * from "course"."courses"
  where "course_id" = (select "course_id" from "course"."slugs" where "slug" = $1)`

export const INSERT_COURSE = `insert into "course"."courses" (${COLUMNS.join(', ')})
  values (${COLUMNS.map((_, index) => `$${index + 1}`).join(', ')})`

export const INSERT_SLUG = `insert into "course"."slugs" as "slugs" ("organization_id", "slug", "course_id")
  values ($1, $2, $3) on conflict on constraint "slugs_taken"
  do update set "slug" = $2 where "slugs"."course_id" = $3 returning "course_id"`

export const NEXT_SEQUENCE = `insert into "course"."outbox_stream" ("aggregate_id", "last_seq") values ($1, $2)
  on conflict ("aggregate_id") do update set "last_seq" = "course"."outbox_stream"."last_seq" + $2
  returning "last_seq"`

export const INSERT_EVENT = `insert into "course"."outbox" ("aggregate_id", "seq", "topic", "envelope")
  values ($1, $2, $3, $4::jsonb)`
