import { createHash, randomBytes } from 'node:crypto'
import { GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import type { Principal } from '../../shared/http/caller.ts'
import { DomainError } from '../../shared/kernel/errors.ts'
import { newId } from '../../shared/kernel/id.ts'
import { addMs, DAY_MS, HOUR_MS, systemClock } from '../../shared/kernel/time.ts'
import { listFolder } from '../../shared/storage/objects.ts'
import { useDatabase } from '../../tests/support/database.ts'
import { somebody, useDoors } from '../../tests/support/door.ts'
import { useStorage } from '../../tests/support/storage.ts'
import { multipartUploads } from './commands/uploads.ts'
import { OWN_OPEN_UPLOADS_MAX } from './domain/media.ts'
import type { Deps } from './routes.ts'
import { media } from './service.ts'

// What enrollment would answer about who is not remembered.
const enrollment: Deps['enrollment'] = {
  getOwnAccess: async () => {
    throw new DomainError('not_found', 'enrollment.no_access', 'No.')
  },
}

const database = useDatabase()
const bucket = useStorage()
const hub = useDoors(database, media, () => ({ storage: bucket.storage(), enrollment }))

let organizationId = newId('organization')
let owner: Principal
let colleague: Principal
let admin: Principal

beforeEach(() => {
  organizationId = newId('organization')
  owner = somebody('instructor', { organizationId })
  colleague = somebody('learner', { organizationId })
  admin = somebody('admin', { organizationId })
})
afterEach(() => hub.clock.set(START))
const START = hub.clock.now()

const MEBIBYTE = 1_024 ** 2
const pdf = (bytes = 100) => Buffer.concat([Buffer.from('%PDF-1.7\n'), randomBytes(bytes)])
const sha256 = (bytes: Buffer | string) => createHash('sha256').update(bytes).digest('hex')

const begin = async (bytes: Buffer, kind = 'document', as = owner) =>
  hub.post('/v1/media', { as, body: { kind, name: 'a file', sizeBytes: bytes.length } })

const parts = async (mediaId: string, query = '', as = owner) =>
  (await hub.get(`/v1/media/${mediaId}/parts${query}`, { as })).body

const send = async (url: string, bytes: Buffer) =>
  fetch(url, { method: 'PUT', body: new Uint8Array(bytes) })

/** As a browser does it: only what is not there yet, each part to its own address. */
const sendMissing = async (
  upload: { mediaId: string; partSizeBytes: number },
  bytes: Buffer,
  as = owner,
) => {
  let sent = 0
  for (const part of (await parts(upload.mediaId, '', as)).items) {
    if (part.isUploaded) continue
    const from = (part.partNumber - 1) * upload.partSizeBytes
    const answer = await send(part.url, bytes.subarray(from, from + part.sizeBytes))
    expect(answer.status).toBe(200)
    sent += 1
  }
  return sent
}

const complete = (mediaId: string, bytes: Buffer | string, as = owner) =>
  hub.post(`/v1/media/${mediaId}/complete`, { as, body: { sha256: sha256(bytes) } })

const upload = async (bytes: Buffer = pdf(), kind = 'document', as = owner) => {
  const { body } = await begin(bytes, kind, as)
  await sendMissing(body, bytes, as)
  const answer = await complete(body.mediaId, bytes, as)
  return { ...answer, mediaId: body.mediaId as string }
}

const usage = async () => (await hub.get('/v1/media/usage', { as: admin })).body

const setQuota = (quotaBytes: number) =>
  database.query(
    `insert into media.usage values ($1, $2, 0, 0, 0)
     on conflict (organization_id) do update set quota_bytes = $2`,
    [organizationId, quotaBytes],
  )

const objects = () =>
  listFolder(bucket.storage(), { prefix: `media/${organizationId}/`, objectsMax: 100 })

const events = async (type: 'media.uploaded' | 'media.deleted', mediaId: string) =>
  (await hub.outbox(type)).filter(({ subject }) => subject === mediaId)

describe('uploading', () => {
  it('takes a small file in one part and says what it is', async () => {
    const bytes = pdf()
    const { mediaId, status, body } = await upload(bytes)
    expect({ status, body }).toMatchObject({
      status: 200,
      body: {
        state: 'ready',
        contentType: 'application/pdf',
        sha256: sha256(bytes),
        checksumVerified: true,
      },
    })
    const [event] = await events('media.uploaded', mediaId)
    expect(event).toMatchObject({
      organizationid: organizationId,
      data: { kind: 'document', sizeBytes: bytes.length, bucket: 'media' },
    })
    expect(await usage()).toMatchObject({ usedBytes: bytes.length, reservedBytes: 0 })
  })

  it('goes on after a reload with the parts that are not there, and only those', async () => {
    const bytes = Buffer.concat([Buffer.from('%PDF-1.7\n'), randomBytes(17 * MEBIBYTE)])
    const { body } = await begin(bytes)
    const { items } = await parts(body.mediaId)
    expect(items).toHaveLength(3)
    await send(items[1].url, bytes.subarray(body.partSizeBytes, 2 * body.partSizeBytes))
    expect(await complete(body.mediaId, bytes)).toMatchObject({
      status: 409,
      body: { code: 'media.parts_missing', partNumbers: [1, 3] },
    })
    const again = (await hub.get(`/v1/media/${body.mediaId}/upload`, { as: owner })).body
    expect(again).toMatchObject({ partSizeBytes: body.partSizeBytes, partCount: 3 })
    expect(await sendMissing(again, bytes)).toBe(2)
    expect(await complete(body.mediaId, bytes)).toMatchObject({ body: { state: 'ready' } })
  })

  it('gives the addresses of the parts page by page', async () => {
    const { body } = await begin(Buffer.alloc(20 * MEBIBYTE))
    const first = await parts(body.mediaId, '?limit=2')
    expect(first.items.map(({ partNumber }: { partNumber: number }) => partNumber)).toEqual([1, 2])
    const last = await parts(body.mediaId, `?limit=2&cursor=${first.nextCursor}`)
    expect(last).toMatchObject({ items: [{ partNumber: 3 }], nextCursor: null })
    const wrong = await hub.get(`/v1/media/${body.mediaId}/parts?cursor=bm8`, { as: owner })
    expect(wrong).toMatchObject({ status: 400, body: { code: 'request.cursor' } })
  })

  it('lets nobody send more than was set aside', async () => {
    const bytes = pdf()
    const { body } = await begin(bytes)
    const [part] = (await parts(body.mediaId)).items
    expect((await send(part.url, Buffer.concat([bytes, bytes]))).status).toBe(403)
  })

  it('writes media.uploaded once, however many complete at once', async () => {
    const bytes = pdf()
    const { body } = await begin(bytes)
    await sendMissing(body, bytes)
    const answers = await Promise.all(
      Array.from({ length: 8 }, () => complete(body.mediaId, bytes)),
    )
    expect(answers.map(({ status }) => status)).toEqual(Array(8).fill(200))
    expect(await events('media.uploaded', body.mediaId)).toHaveLength(1)
    expect(await usage()).toMatchObject({ usedBytes: bytes.length, reservedBytes: 0 })
  })

  it('completes when S3 had joined the parts before a crash', async () => {
    const bytes = pdf()
    const { body } = await begin(bytes)
    await sendMissing(body, bytes)
    const [row] = await database.query<{ key: string; upload_id: string }>(
      'select key, upload_id from media.media where media_id = $1',
      [body.mediaId],
    )
    const place = { key: row?.key ?? '', uploadId: row?.upload_id ?? '' }
    const uploads = multipartUploads(bucket.storage())
    await uploads.join(place, await uploads.parts(place))
    expect(await complete(body.mediaId, bytes)).toMatchObject({ body: { state: 'ready' } })
  })

  it.each<[string, string, string]>([
    ['a playlist as a video', 'video', '#EXTM3U\n#EXTINF:1,\nhttp://169.254.169.254/x.ts\n'],
    ['an SVG as a picture', 'image', '<svg xmlns="http://www.w3.org/2000/svg"></svg>'],
    ['a PDF as a picture', 'image', '%PDF-1.7\n and more'],
    ['words as captions', 'captions', 'not captions at all'],
  ])('refuses %s, keeps nothing and frees the room', async (_, kind, text) => {
    const bytes = Buffer.from(text)
    const refused = await upload(bytes, kind)
    expect(refused).toMatchObject({ status: 422, body: { code: 'media.type_refused' } })
    const { body } = await hub.get(`/v1/media/${refused.mediaId}`, { as: owner })
    expect(body).toMatchObject({ state: 'refused', refusal: expect.stringMatching(/\.$/) })
    expect(await usage()).toMatchObject({ usedBytes: 0, reservedBytes: 0 })
    expect(await objects()).toEqual([])
    expect(await events('media.uploaded', refused.mediaId)).toEqual([])
  })

  it('refuses bytes that do not have the stated SHA-256', async () => {
    const bytes = pdf()
    const { body } = await begin(bytes)
    await sendMissing(body, bytes)
    expect(await complete(body.mediaId, 'other bytes')).toMatchObject({
      status: 422,
      body: { code: 'media.checksum_mismatch' },
    })
  })

  it('refuses what is wrong with the request itself', async () => {
    const body = { kind: 'video', name: 'v', sizeBytes: 1 }
    const refused = async (changes: object, as?: Principal) =>
      hub.post('/v1/media', { ...(as && { as }), body: { ...body, ...changes } })
    expect((await refused({})).status).toBe(401)
    expect(await refused({}, somebody('learner'))).toMatchObject({
      status: 403,
      body: { code: 'access.denied', permission: 'video:create' },
    })
    expect((await refused({ sizeBytes: 0 }, owner)).status).toBe(400)
    expect((await refused({ contentType: 'video/mp4' }, owner)).status).toBe(400)
    expect(await refused({ sizeBytes: 9 * 1_024 ** 3 }, owner)).toMatchObject({
      status: 413,
      body: { code: 'media.too_large' },
    })
    expect((await complete(newId('media'), 'x')).status).toBe(404)
    const nobody = { ...owner, grants: { platform: [], organization: [], courses: {} } }
    expect((await refused({}, nobody)).status).toBe(403)
  })

  it.each([
    'line\nbreak.mp4',
    'bell\u0007.mp4',
    'annexe\u202egpj.exe',
    'a\u2066b.mp4',
    'nul\0.mp4',
  ])('takes no name that does not read as it is stored: %j', async (name) => {
    const body = { kind: 'image', name, sizeBytes: 1 }
    expect((await hub.post('/v1/media', { as: owner, body })).status).toBe(400)
  })

  it('takes a path for a name and nothing more', async () => {
    const body = { kind: 'image', name: '../../etc/passwd', sizeBytes: 1 }
    const { body: upload } = await hub.post('/v1/media', { as: owner, body })
    expect(upload.name).toBe('../../etc/passwd')
    const { body: parts } = await hub.get(`/v1/media/${upload.mediaId}/parts`, { as: owner })
    expect(new URL(parts.items[0].url).pathname).toMatch(
      new RegExp(`/media/${owner.organizationId}/${upload.mediaId}$`),
    )
  })

  it('gives the first upload again for the same Idempotency-Key', async () => {
    const once = () =>
      hub.post('/v1/media', {
        as: owner,
        body: { kind: 'document', name: 'a', sizeBytes: 10 },
        idempotencyKey: 'one',
      })
    const [first, second] = [await once(), await once()]
    expect(second.body.mediaId).toBe(first.body.mediaId)
    expect(await usage()).toMatchObject({ reservedBytes: 10 })
  })
})

describe('the quota', () => {
  it('holds while 20 uploads begin at once', async () => {
    await setQuota(1_000)
    const answers = await Promise.all(Array.from({ length: 20 }, () => begin(Buffer.alloc(300))))
    const statuses = answers.map(({ status }) => status)
    expect(statuses.filter((status) => status === 201)).toHaveLength(3)
    expect(answers.find(({ status }) => status !== 201)).toMatchObject({
      status: 422,
      body: { code: 'media.quota_exceeded' },
    })
    expect(await usage()).toEqual({ quotaBytes: 1_000, usedBytes: 0, reservedBytes: 900 })
  })

  it('holds while uploads begin, complete, abort and are deleted all at once', async () => {
    await setQuota(2_000)
    const once = async (index: number) => {
      const bytes = pdf(291)
      const { status, body } = await begin(bytes)
      if (status !== 201) return 0
      await sendMissing(body, bytes)
      if (index % 3 === 0) {
        await hub.post(`/v1/media/${body.mediaId}/abort`, { as: owner })
        return 0
      }
      await complete(body.mediaId, bytes)
      if (index % 3 === 1) return bytes.length
      await hub.delete(`/v1/media/${body.mediaId}`, { as: owner })
      return 0
    }
    const kept = await Promise.all(Array.from({ length: 18 }, (_, index) => once(index)))
    const usedBytes = kept.reduce((sum, bytes) => sum + bytes, 0)
    expect(await usage()).toEqual({ quotaBytes: 2_000, usedBytes, reservedBytes: 0 })
    expect(usedBytes).toBeLessThanOrEqual(2_000)
  })

  it('is not the only limit: an organisation has so many unfinished uploads at most', async () => {
    await setQuota(1_000)
    await database.query('update media.usage set open_uploads = 199 where organization_id = $1', [
      organizationId,
    ])
    const answers = await Promise.all(Array.from({ length: 5 }, () => begin(Buffer.alloc(10))))
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(1)
    expect(answers.find(({ status }) => status !== 201)).toMatchObject({
      status: 409,
      body: { code: 'media.uploads_full' },
    })
  })

  it('leaves room for others, however many uploads one person leaves unfinished', async () => {
    const answers = await Promise.all(
      Array.from({ length: OWN_OPEN_UPLOADS_MAX + 2 }, () =>
        begin(Buffer.alloc(1), 'document', colleague),
      ),
    )
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(OWN_OPEN_UPLOADS_MAX)
    expect(answers.find(({ status }) => status !== 201)).toMatchObject({
      status: 409,
      body: { code: 'media.own_uploads_full' },
    })
    expect(await usage()).toMatchObject({ reservedBytes: OWN_OPEN_UPLOADS_MAX })
    expect((await begin(Buffer.alloc(1))).status).toBe(201)
  })

  it('is shown to those who run the organisation', async () => {
    expect((await hub.get('/v1/media/usage', { as: owner })).status).toBe(403)
    expect((await hub.get('/v1/media/usage')).status).toBe(401)
  })
})

describe('aborting', () => {
  it('frees the room, ends the upload, and may be repeated', async () => {
    const bytes = pdf()
    const { body } = await begin(bytes)
    await sendMissing(body, bytes)
    const abort = () => hub.post(`/v1/media/${body.mediaId}/abort`, { as: owner })
    expect(await abort()).toMatchObject({ status: 200, body: { state: 'aborted' } })
    expect((await abort()).status).toBe(200)
    expect(await usage()).toMatchObject({ reservedBytes: 0 })
    expect(await complete(body.mediaId, bytes)).toMatchObject({
      status: 409,
      body: { code: 'media.upload_over' },
    })
    expect((await hub.get(`/v1/media/${body.mediaId}/parts`, { as: owner })).status).toBe(409)
  })

  it('does not touch a file that is ready', async () => {
    const { mediaId } = await upload()
    expect((await hub.post(`/v1/media/${mediaId}/abort`, { as: owner })).status).toBe(409)
  })
})

describe('whose a file is', () => {
  it('stays between its owner and those who run the organisation', async () => {
    const { mediaId } = await upload()
    const stranger = somebody('owner')
    for (const [method, path] of [
      ['GET', ''],
      ['DELETE', ''],
      ['GET', '/upload'],
      ['GET', '/parts'],
      ['POST', '/abort'],
      ['GET', '/download'],
    ] as const)
      for (const as of [colleague, stranger])
        expect(await hub.call(method, `/v1/media/${mediaId}${path}`, { as })).toMatchObject({
          status: 404,
          body: { code: 'media.not_found' },
        })
    expect((await hub.get(`/v1/media/${mediaId}`, { as: admin })).status).toBe(200)
  })

  it('pages through own files, and through all of them for those who may', async () => {
    const ids = [await upload(), await upload(), await upload(pdf(), 'document', colleague)].map(
      ({ mediaId }) => mediaId,
    )
    const list = async (query: string, as: Principal) =>
      (await hub.get(`/v1/media${query}`, { as })).body
    const first = await list('?limit=1', owner)
    const second = await list(`?limit=1&cursor=${first.nextCursor}`, owner)
    const seen = [...first.items, ...second.items].map(({ mediaId }) => mediaId)
    expect(seen).toEqual([ids[1], ids[0]])
    expect(second.nextCursor).toBeNull()
    expect((await list('?owner=all', admin)).items).toHaveLength(3)
    expect((await list('?kind=video', owner)).items).toEqual([])
    expect((await hub.get('/v1/media?owner=all', { as: owner })).status).toBe(403)
    const wrong = await hub.get('/v1/media?cursor=bm8', { as: owner })
    expect(wrong).toMatchObject({ status: 400, body: { code: 'request.cursor' } })
  })

  it('is the second wall’s business too', async () => {
    await upload()
    const rows = await database.as('media').pool.query('select * from media.media')
    expect(rows.rowCount).toBe(0)
  })
})

const courseId = newId('course')
const aLesson = () => ({ lessonId: newId('lesson'), courseId, organizationId })
const revise = (lesson: object, revision: number, mediaIds: string[]) =>
  hub.deliver(
    'lesson.revised',
    {
      ...lesson,
      revision,
      title: 'L',
      completion: { kind: 'viewed' },
      mediaIds,
      assessmentIds: [],
    } as never,
    { organizationId },
  )
const publish = (lesson: Pick<ReturnType<typeof aLesson>, 'lessonId' | 'courseId'>) =>
  hub.deliver(
    'course.published',
    {
      courseId: lesson.courseId,
      organizationId,
      title: 'C',
      slug: 'c',
      visibility: 'public',
      instructorIds: [owner.accountId],
      versionId: newId('courseVersion'),
      versionNumber: 1,
      prerequisiteIds: [],
      items: [
        {
          lessonId: lesson.lessonId,
          revision: 1,
          moduleId: newId('module'),
          moduleTitle: 'M',
          title: 'L',
          required: true,
          completion: { kind: 'viewed' },
        },
      ],
      completionRule: { kind: 'all_required' },
      certificateRule: { kind: 'none' },
      publishedAt: '2026-03-01T10:00:00.000Z',
    },
    { organizationId },
  )
const enrol = (inCourse = courseId, learner = colleague) =>
  hub.deliver(
    'enrollment.activated',
    {
      enrollmentId: newId('enrollment'),
      courseId: inCourse,
      organizationId,
      accountId: learner.accountId,
      versionId: newId('courseVersion'),
      startsAt: '2026-03-01T00:00:00.000Z',
      endsAt: null,
    },
    { organizationId },
  )
const removal = async (mediaId: string) =>
  (await hub.delete(`/v1/media/${mediaId}`, { as: owner })).status

describe('DELETE /v1/media/{mediaId}', () => {
  it('refuses while the newest revision of a lesson shows the file', async () => {
    const { mediaId } = await upload()
    const lesson = aLesson()
    await revise(lesson, 1, [mediaId])
    expect(await hub.delete(`/v1/media/${mediaId}`, { as: owner })).toMatchObject({
      status: 409,
      body: { code: 'media.in_use' },
    })
    await revise(lesson, 2, [])
    expect(await removal(mediaId)).toBe(204)
    expect(await events('media.deleted', mediaId)).toHaveLength(1)
    expect(await removal(mediaId)).toBe(404)
    expect(await usage()).toMatchObject({ usedBytes: 0 })
  })

  it('refuses while a published version is pinned to a revision that shows it', async () => {
    const { mediaId } = await upload()
    const lesson = aLesson()
    await revise(lesson, 2, [])
    // The older revision arrives late: it is not the newest, but a version is pinned to it.
    await revise(lesson, 1, [mediaId])
    await publish(lesson)
    await hub.deliver('lesson.deleted', lesson, { organizationId })
    expect(await removal(mediaId)).toBe(409)
  })

  it('is not kept by news of a lesson that comes after its end', async () => {
    const { mediaId } = await upload()
    const lesson = aLesson()
    await hub.deliver('lesson.deleted', lesson, { organizationId, sequence: 3 })
    await revise(lesson, 2, [mediaId])
    expect(await removal(mediaId)).toBe(204)
  })

  it('refuses while the file is somebody’s picture', async () => {
    const { mediaId } = await upload()
    const show = (avatarMediaId: string | null) =>
      hub.deliver('user.profile_updated', {
        accountId: owner.accountId,
        name: 'N',
        locale: 'en',
        timeZone: 'UTC',
        avatarMediaId: avatarMediaId as never,
      })
    await show(mediaId)
    expect(await removal(mediaId)).toBe(409)
    expect((await hub.get(`/v1/media/${mediaId}/download`, { as: colleague })).status).toBe(200)
  })

  it('leaves an unfinished upload to abort', async () => {
    const { body } = await begin(pdf())
    expect(await hub.delete(`/v1/media/${body.mediaId}`, { as: owner })).toMatchObject({
      status: 409,
      body: { code: 'media.not_ready' },
    })
  })
})

describe('GET /v1/media/{mediaId}/download', () => {
  it('gives the very bytes under the name they came with', async () => {
    const bytes = pdf()
    const { mediaId } = await upload(bytes)
    const { body } = await hub.get(`/v1/media/${mediaId}/download`, { as: owner })
    const file = await fetch(body.url)
    expect(file.headers.get('content-disposition')).toBe(
      `attachment; filename="a file"; filename*=UTF-8''a%20file`,
    )
    expect(file.headers.get('content-type')).toBe('application/pdf')
    expect(Buffer.from(await file.arrayBuffer()).equals(bytes)).toBe(true)
  })

  it('is for learners of a course that shows the file, while they may learn', async () => {
    const { mediaId } = await upload(pdf(), 'document', admin)
    const lesson = aLesson()
    await revise(lesson, 1, [mediaId])
    await publish(lesson)
    const see = async () =>
      (await hub.get(`/v1/media/${mediaId}/download`, { as: colleague })).status
    const seat = { enrollmentId: newId('enrollment'), courseId, organizationId }
    const person = { ...seat, accountId: colleague.accountId }
    expect(await see()).toBe(404)
    await hub.deliver(
      'enrollment.activated',
      {
        ...person,
        versionId: newId('courseVersion'),
        startsAt: '2026-03-01T00:00:00.000Z',
        endsAt: null,
      },
      { organizationId },
    )
    expect(await see()).toBe(200)
    await hub.deliver(
      'enrollment.ended',
      { ...person, reason: 'unenrolled', endedAt: '2026-03-02T00:00:00.000Z' },
      { organizationId, sequence: 2 },
    )
    expect(await see()).toBe(404)
  })

  it('is not for learners while a draft alone shows the file', async () => {
    const { mediaId } = await upload(pdf(), 'document', admin)
    const lesson = { ...aLesson(), courseId: newId('course') }
    await revise(lesson, 1, [mediaId])
    await enrol(lesson.courseId)
    const see = async () =>
      (await hub.get(`/v1/media/${mediaId}/download`, { as: colleague })).status
    expect(await see()).toBe(404)
    await publish(lesson)
    expect(await see()).toBe(200)
  })

  it('is for learners of any course that shows the file, however many do', async () => {
    const { mediaId } = await upload(pdf(), 'document', admin)
    const lessons = Array.from({ length: 25 }, () => ({ ...aLesson(), courseId: newId('course') }))
    for (const lesson of lessons) {
      await revise(lesson, 1, [mediaId])
      await publish(lesson)
    }
    for (const lesson of lessons) {
      const learner = somebody('learner', { organizationId })
      await enrol(lesson.courseId, learner)
      expect((await hub.get(`/v1/media/${mediaId}/download`, { as: learner })).status).toBe(200)
    }
  })

  it('does not exist before the upload is complete', async () => {
    const { body } = await begin(pdf())
    expect((await hub.get(`/v1/media/${body.mediaId}/download`, { as: owner })).status).toBe(404)
  })
})

describe('the reaper', () => {
  it('expires a forgotten upload, frees its room and leaves nothing in S3', async () => {
    const bytes = pdf()
    const { body } = await begin(bytes)
    await sendMissing(body, bytes)
    hub.clock.advanceMs(7 * DAY_MS)
    // The first run expires and aborts; two at once do not get in each other's way.
    await Promise.all([hub.runJob('reap'), hub.runJob('reap')])
    const { body: expired } = await hub.get(`/v1/media/${body.mediaId}`, { as: owner })
    expect(expired.state).toBe('expired')
    expect(await usage()).toMatchObject({ reservedBytes: 0 })
    const known = await multipartUploads(bucket.storage()).known()
    expect(known.filter(({ key }) => key.includes(body.mediaId))).toEqual([])
  })

  it('looks again for what arrived after the abort', async () => {
    const { body } = await begin(pdf())
    await hub.post(`/v1/media/${body.mediaId}/abort`, { as: owner })
    await hub.runJob('reap')
    const key = `media/${organizationId}/${body.mediaId}`
    const { s3 } = bucket.storage()
    await s3.send(new PutObjectCommand({ Bucket: 'media', Key: key, Body: 'late' }))
    hub.clock.advanceMs(HOUR_MS)
    await hub.runJob('reap')
    expect(await objects()).toEqual([])
  })

  it('keeps the bytes of a deleted file for seven days', async () => {
    const { mediaId } = await upload()
    await removal(mediaId)
    await hub.runJob('reap')
    expect(await objects()).toHaveLength(1)
    hub.clock.advanceMs(7 * DAY_MS)
    await hub.runJob('reap')
    expect(await objects()).toEqual([])
  })

  it('removes what no row names, once it is a day old, and nothing else', async () => {
    const { mediaId } = await upload()
    const { s3 } = bucket.storage()
    const uploads = multipartUploads(bucket.storage())
    const orphan = `media/${organizationId}/${newId('media')}`
    const other = `videos/${newId('media')}`
    for (const Key of [orphan, other])
      await s3.send(new PutObjectCommand({ Bucket: 'media', Key, Body: 'x' }))
    const forgotten = await uploads.begin(`media/${organizationId}/${newId('media')}`)
    await hub.runJob('reapOrphans')
    expect(await objects()).toHaveLength(2)
    hub.clock.set(addMs(systemClock(), 2 * DAY_MS))
    await hub.runJob('reapOrphans')
    expect((await objects()).map(({ key }) => key)).toEqual([`media/${organizationId}/${mediaId}`])
    expect((await uploads.known()).map(({ uploadId }) => uploadId)).not.toContain(forgotten)
    await s3.send(new GetObjectCommand({ Bucket: 'media', Key: other }))
  })
})

describe('the contract', () => {
  it('has been shown in full by the tests above', () => {
    expect(hub.uncovered()).toEqual([])
  })
})
