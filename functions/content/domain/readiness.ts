import type {
  AccountId,
  AssessmentId,
  CourseId,
  MediaId,
  OrganizationId,
} from '../../../shared/kernel/id.ts'
import type { Block, Lesson } from './lesson.ts'

/** What is remembered of an upload, from the events of media and video-processing. */
export type MediaFacts = {
  readonly mediaId: MediaId
  readonly organizationId: OrganizationId
  /** Null, like the kind, until its upload is known. */
  readonly ownerId: AccountId | null
  /** Null until its upload is known: then only its video has been heard of. */
  readonly kind: string | null
  readonly isDeleted: boolean
  readonly video: VideoFacts | null
}

export type VideoFacts = {
  readonly state: 'processing' | 'ready' | 'failed'
  /** Counts the processings of the video. */
  readonly version: number
  /** Why it failed, in the processor's words. */
  readonly reason: string | null
}

/**
 * A video that once was ready stays so: while it is processed again, and if that fails, the old
 * rendition plays.
 */
export const videoAfter = (standing: VideoFacts | null, news: VideoFacts): VideoFacts => {
  if (standing === null) return news
  if (standing.state === 'ready' && news.state !== 'ready') return standing
  // That a run has begun comes late, where its end is known.
  if (news.version === standing.version && news.state === 'processing') return standing
  return news.version >= standing.version ? news : standing
}

export type QuizFacts = { readonly courseId: CourseId; readonly isArchived: boolean }

export type Surroundings = {
  readonly media: ReadonlyMap<MediaId, MediaFacts>
  /** Known quizzes. */
  readonly assessments: ReadonlyMap<AssessmentId, QuizFacts>
}

/**
 * The first thing that stands in the way of publishing, in one sentence; null when nothing does.
 */
export const obstacleOf = (
  lesson: Pick<Lesson, 'blocks' | 'courseId'>,
  { media, assessments }: Surroundings,
): string | null => {
  if (!lesson.blocks.some(showsSomething)) return 'The lesson is empty.'
  for (const block of lesson.blocks) {
    const obstacle =
      block.kind === 'video'
        ? videoObstacle(media.get(block.mediaId))
        : block.kind === 'file'
          ? fileObstacle(media.get(block.mediaId))
          : block.kind === 'quiz'
            ? quizObstacle(assessments.get(block.assessmentId), lesson.courseId)
            : null
    if (obstacle) return obstacle
  }
  return null
}

const videoObstacle = (facts: MediaFacts | undefined): string | null => {
  if (!facts) return 'The video has not been uploaded.'
  if (facts.isDeleted) return 'The video has been deleted.'
  if (facts.kind !== null && facts.kind !== 'video')
    return 'A video block shows a file of another kind.'
  if (facts.video?.state === 'ready') return null
  if (facts.video?.state === 'failed')
    return `The video could not be processed: ${facts.video.reason ?? 'no reason was given'}`
  return 'The video is still being processed.'
}

const fileObstacle = (facts: MediaFacts | undefined): string | null => {
  if (facts?.isDeleted) return 'A file has been deleted.'
  return facts && facts.kind !== null ? null : 'A file has not been uploaded.'
}

const quizObstacle = (quiz: QuizFacts | undefined, courseId: CourseId): string | null => {
  if (!quiz) return 'A quiz does not exist.'
  if (quiz.courseId !== courseId) return 'A quiz belongs to another course.'
  // Nobody begins it any more, so nobody would complete the lesson.
  return quiz.isArchived ? 'A quiz has been archived.' : null
}

const showsSomething = (block: Block): boolean =>
  block.kind === 'rich_text'
    ? block.html.trim() !== ''
    : block.kind === 'code'
      ? block.text.trim() !== ''
      : true
