import Fastify from 'fastify'
import pg from 'pg'
import { newId } from '../../shared/kernel/id.ts'
import {
  COURSE_BY_ID,
  COURSE_BY_SLUG,
  INSERT_COURSE,
  INSERT_EVENT,
  INSERT_SLUG,
  NEXT_SEQUENCE,
  PUBLISHED_COURSE,
} from './statements.ts'

// A peer: the same statements over a pool of the same size, and nothing else. It asks nobody who they are, validates
// nothing, and sees all tenants' rows.
const [port, databaseUrl] = process.argv.slice(2)
const pool = new pg.Pool({ connectionString: String(databaseUrl), max: 1 })
const app = Fastify()
const organizationId = newId('organization')

app.get<{ Params: { courseId: string } }>('/v1/courses/:courseId', async ({ params }, reply) => {
  const { rows: drafts } = await pool.query(COURSE_BY_ID, [params.courseId])
  const { rows } = await pool.query(PUBLISHED_COURSE, [params.courseId])
  const course = rows[0] ?? drafts[0]
  if (!course) return reply.code(404).send({ code: 'course.not_found' })
  const { outline: _, completion_rule: __, certificate_rule: ___, ...shown } = course
  return shown
})

app.post<{ Body: { title: string } }>('/v1/courses', async ({ body }, reply) => {
  const courseId = newId('course')
  const title = body.title.toLowerCase().replaceAll(' ', '-')
  const client = await pool.connect()
  try {
    await client.query('begin')
    const taken = await client.query(COURSE_BY_SLUG, [title])
    const slug = taken.rows.length > 0 ? `${title}-${courseId.slice(-6)}` : title
    const course = [
      ...[courseId, organizationId, slug, body.title, '', '', 'en', 'public', [], []],
      ...[[newId('account')], '[]', RULE, RULE, 1, new Date()],
    ]
    await client.query(INSERT_COURSE, course)
    await client.query(INSERT_SLUG, [organizationId, slug, courseId])
    const { rows } = await client.query(NEXT_SEQUENCE, [courseId, 1])
    const envelope = { type: 'course.created', data: { courseId, slug, title: body.title } }
    await client.query(INSERT_EVENT, [
      ...[courseId, rows[0]?.last_seq, 'hub.course.v1', JSON.stringify(envelope)],
    ])
    await client.query('commit')
    return reply.code(201).send({ courseId, slug, title: body.title })
  } catch (error) {
    await client.query('rollback')
    throw error
  } finally {
    client.release()
  }
})

const RULE = '{"kind":"none"}'

process.on('SIGTERM', () => process.exit(0))
await app.listen({ port: Number(port), host: '127.0.0.1' })
