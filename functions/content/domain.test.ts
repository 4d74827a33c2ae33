import { describe, expect, it } from '@jest/globals'
import { type AssessmentId, type MediaId, newId } from '../../shared/kernel/id.ts'
import { instantOf } from '../../shared/kernel/time.ts'
import { type Block, beginLesson, type Content, reorderBlocks, saveDraft } from './domain/lesson.ts'
import {
  type MediaFacts,
  obstacleOf,
  type QuizFacts,
  type VideoFacts,
  videoAfter,
} from './domain/readiness.ts'
import { sanitizeRichText } from './domain/rich-text.ts'

const now = instantOf('2026-03-01T10:00:00Z')
const courseId = newId('course')

const text = (html: string): Block => ({ blockId: newId('block'), kind: 'rich_text', html })
const video = (mediaId: MediaId): Block => ({
  blockId: newId('block'),
  kind: 'video',
  mediaId,
  title: '',
})
const embed = (url: string): Block => ({ blockId: newId('block'), kind: 'embed', url, title: '' })
const quiz = (assessmentId: AssessmentId): Block => ({
  blockId: newId('block'),
  kind: 'quiz',
  assessmentId,
})

const begun = (content: Partial<Content> = {}) =>
  beginLesson(
    {
      lessonId: newId('lesson'),
      courseId,
      organizationId: newId('organization'),
      title: 'Cutting',
      blocks: [text('<p>One</p>')],
      completion: { kind: 'viewed' },
      ...content,
    },
    now,
  )

const code = (expected: string) => expect.objectContaining({ code: expected })

describe('sanitizeRichText', () => {
  it.each([
    ['a script', '<p>a</p><script>alert(1)</script>'],
    ['a handler', '<p onclick="alert(1)" onmouseover=alert(1)>a</p>'],
    ['a script address', '<a href="javascript:alert(1)">a</a>'],
    ['a script address in disguise', '<a href="jav&#x09;ascript:alert(1)">a</a>'],
    ['a script address behind control characters', '<a href="\u0001javascript:alert(1)">a</a>'],
    ['a data address', '<a href="data:text/html,<script>alert(1)</script>">a</a>'],
    ['a vbscript address', '<a href="VbScRiPt:msgbox(1)">a</a>'],
    ['an image with a handler', '<img src=x onerror=alert(1)>'],
    ['an SVG', '<svg><script>alert(1)</script><animate onbegin=alert(1)></svg>'],
    ['MathML that mutates', '<math><mtext><table><mglyph><style><img src onerror=alert(1)>'],
    ['a comment that ends early', '<!--><img src=x onerror=alert(1)>-->'],
    [
      'text that a parser leaves raw',
      '<noscript><p title="</noscript><img src=x onerror=alert(1)>">',
    ],
    [
      'a textarea that hides a tag',
      '<textarea><img title="</textarea><img src onerror=alert(1)>">',
    ],
    ['a style', '<p style="background:url(javascript:alert(1))">a</p><style>*{}</style>'],
    ['a frame', '<iframe src="https://evil.example" srcdoc="<script>alert(1)</script>"></iframe>'],
    [
      'a form',
      '<form action="https://evil.example"><input name=p><button formaction=x>a</button></form>',
    ],
    ['an object', '<object data="x"></object><embed src="x"><applet code="x"></applet>'],
    [
      'a base and a refresh',
      '<base href="https://evil.example"><meta http-equiv=refresh content=0>',
    ],
    ['a template', '<template><img src=x onerror=alert(1)></template>'],
    ['a nested script', '<scr<script>ipt>alert(1)</scr</script>ipt>'],
    ['an id that shadows the page', '<a id="location" name="location">a</a>'],
  ])('lets nothing of %s through', (_, html) => {
    const clean = sanitizeRichText(html)
    // What is left over may be text; no tag outside the list, and no attribute that acts.
    const tags = [...clean.matchAll(/<\/?([a-z0-9]+)([^>]*)>/gi)]
    for (const [, name = '', attributes = ''] of tags) {
      expect(['p', 'a', 'table', 'br']).toContain(name)
      expect(attributes).not.toMatch(/\b(on\w+|style|src|srcdoc|id|name|formaction)\s*=/i)
      expect(attributes).not.toMatch(/(java|vb)script|data:/i)
    }
  })

  it('keeps what a text is made of, and is harmless to repeat', () => {
    const html =
      '<h2 lang="fr">Titre</h2><p><strong>two</strong> &amp; <em>three</em></p><ul><li>x</li></ul>'
    expect(sanitizeRichText(html)).toBe(html)
  })

  it('keeps a link to https and makes it give nothing away', () => {
    const clean = '<a href="https://example.org/a" rel="noopener noreferrer nofollow">a</a>'
    expect(sanitizeRichText('<a href="https://example.org/a" rel="opener">a</a>')).toBe(clean)
    expect(sanitizeRichText(clean)).toBe(clean)
  })

  it.each(['//evil.example/x', 'http://plain.example/x', 'file:///etc/passwd'])(
    'drops a link to %s',
    (href) => expect(sanitizeRichText(`<a href="${href}">a</a>`)).not.toContain('href'),
  )
})

describe('saveDraft', () => {
  it('makes a next revision and says what it shows', () => {
    const { lesson } = begun()
    const mediaId = newId('media')
    const blocks = [video(mediaId), video(mediaId)]
    const { lesson: saved, events } = saveDraft(lesson, {
      changes: { blocks },
      expectedRevision: 1,
    })
    expect(saved).toMatchObject({ revision: 2, title: 'Cutting' })
    expect(events).toMatchObject([{ type: 'lesson.revised', revision: 2, mediaIds: [mediaId] }])
    expect(lesson.revision).toBe(1)
  })

  it('makes no revision of what changes nothing', () => {
    const { lesson } = begun()
    const repeated = saveDraft(lesson, {
      changes: { blocks: lesson.blocks.map((block) => ({ ...block })), title: 'Cutting' },
      expectedRevision: 1,
    })
    expect(repeated).toEqual({ lesson, events: [] })
  })

  it('refuses a revision that somebody else has replaced', () => {
    const { lesson } = begun()
    expect(() => saveDraft(lesson, { changes: {}, expectedRevision: 2 })).toThrow(
      code('content.revision_stale'),
    )
  })

  it('refuses a completion by a video or a quiz that the lesson does not show', () => {
    const [mediaId, assessmentId] = [newId('media'), newId('assessment')]
    const watched = { kind: 'video_watched', mediaId, coverageBasisPoints: 9_000 } as const
    const passed = { kind: 'quiz_passed', assessmentId } as const
    expect(() => begun({ completion: watched })).toThrow(code('content.completion_invalid'))
    expect(() => begun({ completion: passed })).toThrow(code('content.completion_invalid'))
    const file: Block = { blockId: newId('block'), kind: 'file', mediaId, title: '' }
    expect(() => begun({ blocks: [file], completion: watched })).toThrow(
      code('content.completion_invalid'),
    )
    expect(begun({ blocks: [video(mediaId)], completion: watched }).lesson.revision).toBe(1)
    expect(begun({ blocks: [quiz(assessmentId)], completion: passed }).lesson.revision).toBe(1)
  })

  it('counts the bytes that are kept, not those that were sent', () => {
    const html = '&'.repeat(100_000)
    expect(() => begun({ blocks: [text(html), text(html)] })).toThrow(
      code('content.lesson_too_large'),
    )
  })

  it.each([
    'http://www.youtube.com/embed/x',
    'https://evil.example/x',
    'https://www.youtube.com.evil.example/x',
    'https://www.youtube.com@evil.example/x',
    'https://evil.example\\@www.youtube.com/x',
    'https://user:pass@www.youtube.com/x',
    'https://www.youtube.com:8443/x',
    'javascript://www.youtube.com/%0aalert(1)',
    'no address',
  ])('refuses to embed %s', (url) => {
    expect(() => begun({ blocks: [embed(url)] })).toThrow(code('content.embed_refused'))
  })

  it('keeps the address of an embed as a browser will read it', () => {
    const { lesson } = begun({ blocks: [embed('https://WWW.youtube.com:443/embed/a/../b"<x>')] })
    expect(lesson.blocks).toMatchObject([{ url: 'https://www.youtube.com/embed/b%22%3Cx%3E' }])
  })
})

describe('reorderBlocks', () => {
  const [one, two] = [text('<p>1</p>'), text('<p>2</p>')]
  const { lesson } = begun({ blocks: [one, two] })

  it('keeps every block', () => {
    const reordered = reorderBlocks(lesson, {
      blockIds: [two.blockId, one.blockId],
      expectedRevision: 1,
    })
    expect(reordered.lesson).toMatchObject({ revision: 2, blocks: [two, one] })
  })

  it.each([
    ['leaves one out', [one.blockId]],
    ['names one twice', [one.blockId, one.blockId]],
    ['names one more', [one.blockId, two.blockId, newId('block')]],
    ['names a stranger', [one.blockId, newId('block')]],
  ])('refuses an order that %s', (_, blockIds) => {
    expect(() => reorderBlocks(lesson, { blockIds, expectedRevision: 1 })).toThrow(
      code('content.blocks_invalid'),
    )
  })
})

describe('obstacleOf', () => {
  const mediaId = newId('media')
  const assessmentId = newId('assessment')
  const media = (facts: Partial<MediaFacts>) => ({
    media: new Map([
      [
        mediaId,
        {
          mediaId,
          organizationId: newId('organization'),
          kind: 'video',
          ownerId: null,
          isDeleted: false,
          video: null,
          ...facts,
        },
      ],
    ]),
    assessments: new Map<AssessmentId, QuizFacts>(),
  })
  const nothing = { media: new Map(), assessments: new Map() }
  const state = (state: VideoFacts['state'], reason: string | null = null): VideoFacts => ({
    state,
    version: 1,
    reason,
  })

  it('finds nothing in the way of a text', () => {
    expect(obstacleOf(begun().lesson, nothing)).toBeNull()
  })

  it.each([[[]], [[text(' ')]]])('refuses an empty lesson', (blocks) => {
    expect(obstacleOf({ courseId, blocks }, nothing)).toBe('The lesson is empty.')
  })

  it.each([
    ['The video has not been uploaded.', nothing],
    ['The video is still being processed.', media({})],
    ['The video is still being processed.', media({ video: state('processing') })],
    [
      'The video could not be processed: no picture.',
      media({ video: state('failed', 'no picture.') }),
    ],
    ['The video has been deleted.', media({ video: state('ready'), isDeleted: true })],
    ['A video block shows a file of another kind.', media({ kind: 'document' })],
    [null, media({ video: state('ready') })],
    [null, media({ kind: null, video: state('ready') })],
  ])('says of a video: %s', (obstacle, surroundings) => {
    expect(obstacleOf({ courseId, blocks: [video(mediaId)] }, surroundings)).toBe(obstacle)
  })

  it.each([
    ['A file has not been uploaded.', nothing],
    ['A file has been deleted.', media({ isDeleted: true })],
    [null, media({ kind: 'document' })],
  ])('says of a file: %s', (obstacle, surroundings) => {
    const file: Block = { blockId: newId('block'), kind: 'file', mediaId, title: '' }
    expect(obstacleOf({ courseId, blocks: [file] }, surroundings)).toBe(obstacle)
  })

  it.each([
    ['A quiz does not exist.', []],
    [
      'A quiz belongs to another course.',
      [[assessmentId, { courseId: newId('course'), isArchived: false }]],
    ],
    ['A quiz has been archived.', [[assessmentId, { courseId, isArchived: true }]]],
    [null, [[assessmentId, { courseId, isArchived: false }]]],
  ] as const)('says of a quiz: %s', (obstacle, known) => {
    const surroundings = { media: new Map(), assessments: new Map<AssessmentId, QuizFacts>(known) }
    expect(obstacleOf({ courseId, blocks: [quiz(assessmentId)] }, surroundings)).toBe(obstacle)
  })
})

describe('videoAfter', () => {
  const facts = (state: VideoFacts['state'], version: number): VideoFacts => ({
    state,
    version,
    reason: null,
  })

  it('keeps a ready video ready while it is processed again, and when that fails', () => {
    for (const state of ['processing', 'failed'] as const)
      expect(videoAfter(facts('ready', 1), facts(state, 2))).toEqual(facts('ready', 1))
  })

  it('lets a later processing mend a failed one, and ignores older news', () => {
    expect(videoAfter(facts('failed', 1), facts('processing', 2))).toEqual(facts('processing', 2))
    // That it has begun, heard after its end.
    expect(videoAfter(facts('failed', 2), facts('processing', 2))).toEqual(facts('failed', 2))
    expect(videoAfter(facts('processing', 2), facts('failed', 1))).toEqual(facts('processing', 2))
    expect(videoAfter(facts('processing', 2), facts('ready', 2))).toEqual(facts('ready', 2))
  })
})
