import { gzipSync } from 'node:zlib'
import { beforeAll, describe, expect, it } from '@jest/globals'
import type { Api } from '../../../local/demo/api.ts'
import { FILE_BYTES_MAX } from '../../../shared/contracts/media.ts'
import { useHub } from '../../flow/hub.ts'
import { PNG, uploadFile } from '../world/files.ts'
import { NO_LIMITS } from '../world/limits.ts'
import { patient } from '../world/patience.ts'
import { meetOperator, soon } from '../world/people.ts'
import { begin, complete, download, POLYGLOTS, put, REFUSED, zipBomb } from './files.ts'

// Hostile files through the whole hub: what comes in, what is refused, and as what it goes out again.

const running = useHub(NO_LIMITS)
let api: Api
let token: string

beforeAll(async () => {
  const person = await meetOperator(running.hub.url)
  token = person.accessToken
  api = patient(person.api)
  // A film may be uploaded once the rights of a platform admin are known.
  await soon('the rights to upload', () =>
    begin(api, { kind: 'video', name: 'first.mp4', bytes: new Uint8Array(8) }),
  )
}, 300_000)

describe('a file that is two things at once', () => {
  it.each(POLYGLOTS)('goes out as what its first bytes prove: $title', async (file) => {
    const mediaId = await uploadFile(api, { ...file, name: 'x.html' })
    const { type, disposition, bytes } = await download(api, mediaId)
    expect(type).toMatch(/^(image\/(gif|png)|application\/pdf)$/)
    expect(disposition).toMatch(/^inline; filename="x\.html"/)
    expect(Buffer.compare(bytes, file.bytes)).toBe(0)
  })
})

describe('a file of no kind that is taken', () => {
  it.each(REFUSED)('is refused by its bytes: $title', async (file) => {
    const begun = await begin(api, { ...file, name: 'film.mp4' })
    expect(await put(begun.url, file.bytes, { 'content-type': 'video/mp4' })).toBe(200)
    await expect(complete(api, begun)).rejects.toMatchObject({
      problem: { code: 'media.type_refused' },
    })
    await expect(download(api, begun.mediaId)).rejects.toMatchObject({ status: 404 })
  })

  it('is not unpacked to be looked at: an archive of 64 MB in some kilobytes', async () => {
    const bytes = zipBomb()
    expect(bytes.byteLength).toBeLessThan(200_000)
    const begun = await begin(api, { kind: 'document', name: 'bomb.docx', bytes })
    await put(begun.url, bytes)
    // Whatever it is taken for: it is answered, and the hub lives.
    await complete(api, begun).catch((error: unknown) =>
      expect(error).toMatchObject({ problem: { code: 'media.type_refused' } }),
    )
    expect((await fetch(`${running.hub.url}/health`)).status).toBe(200)
  })
})

describe('a name', () => {
  it.each([
    ['../../../etc/passwd', 'filename=".._.._.._etc_passwd"'],
    ['a"; filename="b.exe', 'filename="a_; filename=_b.exe"'],
    ['C:\\windows\\evil.dll', 'filename="C:_windows_evil.dll"'],
  ])('stays a name, in storage and in the header: %j', async (name, shown) => {
    const mediaId = await uploadFile(api, { kind: 'image', name, bytes: new Uint8Array(PNG) })
    expect((await download(api, mediaId, 'attachment')).disposition).toContain(shown)
  })

  it.each(['a\r\nset-cookie: x=1', 'annexe\u202egpj.exe', 'nul\0.png', 'half\ud800.png'])(
    'with control or direction characters is refused: %j',
    async (name) => {
      const upload = begin(api, { kind: 'image', name, bytes: new Uint8Array(PNG) })
      await expect(upload).rejects.toMatchObject({ status: 400 })
    },
  )
})

describe('a part', () => {
  it('that comes after the completion changes nothing', async () => {
    const bytes = new Uint8Array(PNG)
    const begun = await begin(api, { kind: 'image', name: 'once.png', bytes })
    expect(await put(begun.url, bytes)).toBe(200)
    await complete(api, begun)
    const other = new Uint8Array(bytes.byteLength).fill(65)
    expect(await put(begun.url, other)).toBeGreaterThanOrEqual(400)
    expect(Buffer.compare((await download(api, begun.mediaId)).bytes, bytes)).toBe(0)
  })

  it('of another length than was set aside is refused', async () => {
    const bytes = new Uint8Array(PNG)
    const begun = await begin(api, { kind: 'image', name: 'large.png', bytes })
    const larger = new Uint8Array(bytes.byteLength * 100)
    expect(await put(begun.url, larger)).toBeGreaterThanOrEqual(400)
    await expect(complete(api, begun)).rejects.toMatchObject({
      problem: { code: 'media.parts_missing' },
    })
  })

  it('goes to its own place alone: a changed address is refused', async () => {
    const bytes = new Uint8Array(PNG)
    const begun = await begin(api, { kind: 'image', name: 'own.png', bytes })
    const elsewhere = new URL(begun.url)
    elsewhere.pathname = elsewhere.pathname.replace(/med_\w+$/, `med_${'0'.repeat(32)}`)
    expect(await put(elsewhere.href, bytes)).toBe(403)
  })
})

describe('a file that is too large', () => {
  it('is refused before its first byte', async () => {
    const sizeBytes = FILE_BYTES_MAX.image + 1
    const upload = send(
      'POST',
      '/v1/media',
      JSON.stringify({ kind: 'image', name: 'x', sizeBytes }),
    )
    expect((await upload).status).toBe(413)
  })
})

describe('a body', () => {
  const valid = JSON.stringify({ kind: 'image', name: 'zipped.png', sizeBytes: 10 })

  it('that is compressed is not unpacked', async () => {
    const bomb = gzipSync(Buffer.alloc(50_000_000, ' '))
    expect(bomb.byteLength).toBeLessThan(100_000)
    for (const body of [new Uint8Array(bomb), new Uint8Array(gzipSync(valid))]) {
      const answer = await send('POST', '/v1/media', body, { 'content-encoding': 'gzip' })
      expect(answer.status).toBe(400)
    }
  })

  it('that says it is no JSON is refused, whatever it holds', async () => {
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data'])
      expect((await send('POST', '/v1/media', valid, { 'content-type': type })).status).toBe(400)
  })

  it('cannot name fields that nobody asked for', async () => {
    const more = { ownerId: `acc_${'0'.repeat(32)}`, state: 'ready', organizationId: 'x' }
    for (const field of Object.entries(more)) {
      const body = JSON.stringify({ ...JSON.parse(valid), ...Object.fromEntries([field]) })
      expect((await send('POST', '/v1/media', body)).status).toBe(400)
    }
    const polluted = `{"kind":"image","name":"x","sizeBytes":1,"__proto__":{"state":"ready"}}`
    expect((await send('POST', '/v1/media', polluted)).status).toBe(400)
  })
})

const send = (
  method: string,
  path: string,
  body: string | Uint8Array<ArrayBuffer>,
  headers: Record<string, string> = {},
) =>
  fetch(`${running.hub.url}${path}`, {
    method,
    body,
    headers: {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      ...headers,
    },
  })
