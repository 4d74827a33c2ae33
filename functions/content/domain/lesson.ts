import { isDeepStrictEqual } from 'node:util'
import { LESSON_BYTES_MAX } from '../../../shared/contracts/content.ts'
import type { ContentEvent } from '../../../shared/events/content.ts'
import type { ItemCompletion } from '../../../shared/events/course-outline.ts'
import type {
  AccountId,
  AssessmentId,
  CourseId,
  Id,
  LessonId,
  MediaId,
  OrganizationId,
} from '../../../shared/kernel/id.ts'
import type { Instant } from '../../../shared/kernel/time.ts'
import {
  blocksInvalid,
  completionInvalid,
  embedRefused,
  lessonTooLarge,
  revisionStale,
} from '../errors.ts'
import { sanitizeRichText } from './rich-text.ts'

export type Block = { readonly blockId: Id<'block'> } & (
  | { readonly kind: 'rich_text'; readonly html: string }
  | { readonly kind: 'video' | 'file'; readonly mediaId: MediaId; readonly title: string }
  | { readonly kind: 'embed'; readonly url: string; readonly title: string }
  | { readonly kind: 'code'; readonly language: string; readonly text: string }
  | { readonly kind: 'quiz'; readonly assessmentId: AssessmentId }
)

/** What a save keeps. */
export type Content = {
  readonly title: string
  readonly blocks: readonly Block[]
  readonly completion: ItemCompletion
}

/** A lesson with what its newest revision holds. */
export type Lesson = Content & {
  readonly lessonId: LessonId
  readonly courseId: CourseId
  readonly organizationId: OrganizationId
  readonly revision: number
  readonly createdAt: Instant
  /** Gone for those who build; whose published version shows it keeps it. */
  readonly deletedAt: Instant | null
}

/** One save. Never changes. */
export type Revision = Content & {
  readonly lessonId: LessonId
  readonly courseId: CourseId
  readonly organizationId: OrganizationId
  readonly revision: number
  readonly authorId: AccountId
  readonly createdAt: Instant
  readonly restoredFrom: number | null
}

export type Decision = { readonly lesson: Lesson; readonly events: readonly ContentEvent[] }

/** Whose pages may stand in a lesson: players and documents that are made to be framed. */
export const EMBED_HOSTS: readonly string[] = [
  'www.youtube.com',
  'www.youtube-nocookie.com',
  'player.vimeo.com',
  'docs.google.com',
  'codepen.io',
  'codesandbox.io',
  'www.geogebra.org',
  'phet.colorado.edu',
]

/** A new lesson is its first revision. */
export const beginLesson = (
  command: Content & Pick<Lesson, 'lessonId' | 'courseId' | 'organizationId'>,
  now: Instant,
): Decision => {
  const { title, blocks, completion, ...facts } = command
  const content = checked({ title, blocks, completion })
  const lesson = { ...facts, ...content, revision: 1, createdAt: now, deletedAt: null }
  return { lesson, events: [revised(lesson)] }
}

/**
 * Applies the given fields as the next revision. What changes nothing gives the lesson as it
 * stands, and no event.
 */
export const saveDraft = (
  lesson: Lesson,
  { changes, expectedRevision }: { changes: Partial<Content>; expectedRevision: number },
): Decision => {
  if (lesson.revision !== expectedRevision) throw revisionStale(lesson.revision)
  const { title, blocks, completion } = { ...lesson, ...changes }
  const content = checked({ title, blocks, completion })
  if (isDeepStrictEqual(content, contentOf(lesson))) return { lesson, events: [] }
  const saved = { ...lesson, ...content, revision: lesson.revision + 1 }
  return { lesson: saved, events: [revised(saved)] }
}

/** @param blockIds every block of the lesson, each once. */
export const reorderBlocks = (
  lesson: Lesson,
  { blockIds, expectedRevision }: { blockIds: readonly Id<'block'>[]; expectedRevision: number },
): Decision => {
  if (lesson.revision !== expectedRevision) throw revisionStale(lesson.revision)
  const standing = new Map(lesson.blocks.map((block) => [block.blockId, block]))
  const blocks = blockIds.flatMap((blockId) => standing.get(blockId) ?? [])
  const isPermutation =
    blocks.length === blockIds.length &&
    blockIds.length === lesson.blocks.length &&
    new Set(blockIds).size === blockIds.length
  if (!isPermutation) throw blocksInvalid('The order names every block of the lesson once.')
  return saveDraft(lesson, { changes: { blocks }, expectedRevision })
}

/** Gone for its builders; versions that show it go on showing it. */
export const deleteLesson = (lesson: Lesson, now: Instant): Decision => {
  const { lessonId, courseId, organizationId } = lesson
  return {
    lesson: { ...lesson, deletedAt: now },
    events: [{ type: 'lesson.deleted', lessonId, courseId, organizationId }],
  }
}

/** Every upload that the blocks show, once each. */
export const mediaIdsOf = ({ blocks }: Pick<Content, 'blocks'>): MediaId[] =>
  unique(
    blocks.flatMap((block) =>
      block.kind === 'video' || block.kind === 'file' ? [block.mediaId] : [],
    ),
  )

export const assessmentIdsOf = ({ blocks }: Pick<Content, 'blocks'>): AssessmentId[] =>
  unique(blocks.flatMap((block) => (block.kind === 'quiz' ? [block.assessmentId] : [])))

const checked = (content: Content): Content => {
  const blocks = content.blocks.map(cleaned)
  if (new Set(blocks.map(({ blockId }) => blockId)).size !== blocks.length)
    throw blocksInvalid('A block stands in the lesson more than once.')
  refuseUnlessShown(content.completion, blocks)
  const clean = { ...content, blocks }
  // Sanitising may lengthen a text (`&` becomes `&amp;`), so the limit counts what is kept.
  if (Buffer.byteLength(JSON.stringify(clean)) > LESSON_BYTES_MAX)
    throw lessonTooLarge(LESSON_BYTES_MAX)
  return clean
}

const cleaned = (block: Block): Block => {
  if (block.kind === 'rich_text') return { ...block, html: sanitizeRichText(block.html) }
  if (block.kind === 'embed') return { ...block, url: embeddable(block.url) }
  return block
}

/** The address as every browser will read it. */
const embeddable = (address: string): string => {
  const url = URL.parse(address)
  const isPlain =
    url !== null &&
    url.protocol === 'https:' &&
    url.port === '' &&
    url.username === '' &&
    url.password === '' &&
    EMBED_HOSTS.includes(url.hostname)
  if (!isPlain) throw embedRefused(EMBED_HOSTS)
  return url.href
}

const refuseUnlessShown = (completion: ItemCompletion, blocks: readonly Block[]) => {
  if (completion.kind === 'video_watched') {
    const { mediaId } = completion
    if (!blocks.some((block) => block.kind === 'video' && block.mediaId === mediaId))
      throw completionInvalid('The video that must be watched is not one of the lesson.')
  }
  if (completion.kind === 'quiz_passed') {
    const { assessmentId } = completion
    if (!blocks.some((block) => block.kind === 'quiz' && block.assessmentId === assessmentId))
      throw completionInvalid('The quiz that must be passed is not one of the lesson.')
  }
}

const contentOf = ({ title, blocks, completion }: Content): Content => ({
  title,
  blocks,
  completion,
})

const revised = (lesson: Lesson): ContentEvent => ({
  type: 'lesson.revised',
  lessonId: lesson.lessonId,
  courseId: lesson.courseId,
  organizationId: lesson.organizationId,
  revision: lesson.revision,
  title: lesson.title,
  completion: lesson.completion,
  mediaIds: mediaIdsOf(lesson),
  assessmentIds: assessmentIdsOf(lesson),
})

const unique = <Value>(values: readonly Value[]): Value[] => [...new Set(values)]
