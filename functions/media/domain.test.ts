import { describe, expect, it } from '@jest/globals'
import { FILE_BYTES_MAX, PARTS_MAX } from '../../shared/contracts/media.ts'
import { newId } from '../../shared/kernel/id.ts'
import { DAY_MS, instantOf } from '../../shared/kernel/time.ts'
import { sniff } from './domain/content-type.ts'
import {
  accept,
  beginUpload,
  contentDisposition,
  endUpload,
  type Media,
  type MediaKind,
  missingParts,
  partBytesOf,
  partCountOf,
  remove,
  swept,
} from './domain/media.ts'

const now = instantOf('2026-03-01T10:00:00Z')

const anUpload = (changes: Partial<Media> = {}, kind: MediaKind = 'document'): Media => ({
  ...beginUpload(
    {
      mediaId: newId('media'),
      organizationId: newId('organization'),
      ownerId: newId('account'),
      kind,
      name: 'a.pdf',
      sizeBytes: 1_000,
      bucket: 'media',
    },
    now,
  ),
  uploadId: 'u-1',
  ...changes,
})

const proof = { contentType: 'application/pdf', sha256: 'a'.repeat(64), checksumVerified: true }

describe('the parts of an upload', () => {
  it.each([1, 8 * 1_024 ** 2, 8 * 1_024 ** 2 + 1, FILE_BYTES_MAX.video, FILE_BYTES_MAX.video - 1])(
    'add up to the whole file of %i bytes and are never too many',
    (sizeBytes) => {
      const upload = anUpload(beginUpload({ ...anUpload(), kind: 'video', sizeBytes }, now))
      const count = partCountOf(upload)
      const sizes = Array.from({ length: count }, (_, index) => partBytesOf(upload, index + 1))
      expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(sizeBytes)
      expect(Math.min(...sizes)).toBeGreaterThan(0)
      expect(count).toBeLessThanOrEqual(PARTS_MAX)
    },
  )

  it('are missing when they are absent or of another size', () => {
    const upload = anUpload({ sizeBytes: 25, partSizeBytes: 10 })
    const there = new Map([
      [1, { sizeBytes: 10 }],
      [3, { sizeBytes: 4 }],
    ])
    expect(missingParts(upload, there)).toEqual([2, 3])
  })

  it('are refused before the first one when the file is too large for its kind', () => {
    const sizeBytes = FILE_BYTES_MAX.captions + 1
    expect(() => beginUpload({ ...anUpload(), kind: 'captions', sizeBytes }, now)).toThrow(
      expect.objectContaining({ code: 'media.too_large' }),
    )
  })
})

describe('deleting', () => {
  const ready = accept(anUpload(), proof).media

  it('tells the world once', () => {
    const first = remove(ready, false, now)
    expect(first.events).toMatchObject([{ type: 'media.deleted', mediaId: ready.mediaId }])
    expect(remove(first.media, false, now).events).toEqual([])
  })

  it('keeps the bytes for some days', () => {
    expect(remove(ready, false, now).media.sweepAt).toBe(now + 7 * DAY_MS)
  })

  it('is refused while something shows the file', () => {
    expect(() => remove(ready, true, now)).toThrow(
      expect.objectContaining({ code: 'media.in_use' }),
    )
  })
})

describe('the reaper', () => {
  it('looks more than once at what an upload left, and then never again', () => {
    let media = endUpload(anUpload(), { state: 'aborted' }, now)
    const looks: number[] = []
    while (media.sweepAt !== null) {
      looks.push(media.sweepAt)
      media = swept(media, media.sweepAt)
    }
    expect(looks).toHaveLength(3)
    expect(looks.toSorted()).toEqual(looks)
  })
})

describe('what a file is', () => {
  const png = Buffer.from('89504e470d0a1a0a0000000d4948445200000001000000010806', 'hex')

  it.each<[string, Buffer | string, object]>([
    ['a picture', png, { ok: true, kind: 'image', contentType: 'image/png' }],
    ['a PDF', '%PDF-1.7\n', { ok: true, kind: 'document', contentType: 'application/pdf' }],
    ['captions', 'WEBVTT\n\n00:00.000 --> 00:01.000\nHi', { ok: true, kind: 'captions' }],
    ['captions with a byte order mark', '\uFEFFWEBVTT\n', { ok: true, kind: 'captions' }],
    ['an SVG', '<svg xmlns="http://www.w3.org/2000/svg"/>', { ok: false }],
    ['an SVG behind an XML head', '<?xml version="1.0"?><!-- x --><svg/>', { ok: false }],
    ['a playlist', '#EXTM3U\nhttp://169.254.169.254/', { ok: false }],
    ['a file list', "ffconcat version 1.0\nfile '/etc/passwd'", { ok: false }],
    ['a page', '<!doctype html><script>1</script>', { ok: false }],
    ['plain words', 'WEBVTTish', { ok: false }],
    ['a program', Buffer.from('7f454c4602010100', 'hex'), { ok: false }],
  ])('is seen in the bytes: %s', async (_, bytes, expected) => {
    expect(await sniff(Buffer.from(bytes))).toMatchObject(expected)
  })
})

describe('contentDisposition', () => {
  it('lets no name break out of the header', () => {
    expect(contentDisposition('attachment', 'a"; x="\r\n.exe')).toBe(
      `attachment; filename="a_; x=___.exe"; filename*=UTF-8''a%22%3B%20x%3D%22%0D%0A.exe`,
    )
  })

  it('carries every script', () => {
    expect(contentDisposition('inline', '講義.pdf')).toContain(
      "filename*=UTF-8''%E8%AC%9B%E7%BE%A9.pdf",
    )
  })
})
