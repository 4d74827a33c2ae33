import type { CompletionRule, Item } from '../../shared/events/course-outline.ts'
import type { ProgressEvent } from '../../shared/events/progress.ts'
import { assert, unreachable } from '../../shared/kernel/assert.ts'
import type {
  AccountId,
  AssessmentId,
  CourseId,
  CourseVersionId,
  EnrollmentId,
  LessonId,
  MediaId,
  OrganizationId,
} from '../../shared/kernel/id.ts'
import { type Instant, toIso } from '../../shared/kernel/time.ts'

/** One learner in one course: whose facts these are, through every enrolment of theirs. */
export type LearnerKey = {
  readonly accountId: AccountId
  readonly courseId: CourseId
  readonly organizationId: OrganizationId
}

/** What happened, or what was concluded from it. Each is known by its id and counts once. */
export type Fact = {
  readonly factId: string
  /** When it happened, as its source has it; not when it arrived. */
  readonly at: Instant
} & (
  | { readonly kind: 'viewed'; readonly lessonId: LessonId; readonly positionMs: number | null }
  | { readonly kind: 'confirmed'; readonly lessonId: LessonId }
  | {
      readonly kind: 'watched'
      readonly lessonId: LessonId
      readonly mediaId: MediaId
      /** Of the union of all watched intervals (video-streaming merges them), in 1/10,000. */
      readonly coverageBasisPoints: number
      readonly positionMs: number
    }
  | { readonly kind: 'graded'; readonly assessmentId: AssessmentId; readonly passed: boolean }
  | {
      readonly kind: 'overridden'
      readonly enrollmentId: EnrollmentId
      readonly lessonId: LessonId
      readonly actorId: AccountId
      readonly reason: string
    }
  | {
      readonly kind: 'enrolled'
      readonly enrollmentId: EnrollmentId
      readonly versionId: CourseVersionId
      readonly sequence: number
    }
  | { readonly kind: 'ended'; readonly enrollmentId: EnrollmentId; readonly sequence: number }
  | Conclusion
)

/** Said once and kept in the log, so that what is completed stays so, whatever comes after. */
export type Conclusion = { readonly factId: string; readonly at: Instant } & (
  | {
      readonly kind: 'item_completed'
      readonly enrollmentId: EnrollmentId
      readonly lessonId: LessonId
    }
  | { readonly kind: 'course_completed'; readonly enrollmentId: EnrollmentId }
)

type Viewing = `${LessonId}/${MediaId}`

/** Two lessons may show one video: what was seen in one is not seen in the other. */
const viewingOf = ({ lessonId, mediaId }: { lessonId: LessonId; mediaId: MediaId }): Viewing =>
  `${lessonId}/${mediaId}`

export type Resume = {
  readonly lessonId: LessonId
  readonly positionMs: number | null
  readonly at: Instant
}

/** What the learner has done, whatever the version. */
export type Activity = {
  /** The greatest part seen of each video in each lesson (`viewingOf`), in 1/10,000. */
  readonly coverage: Readonly<Record<Viewing, number>>
  /** Lessons and assessments that the learner has begun, sorted. */
  readonly touched: readonly string[]
  readonly resume: Resume | null
  readonly lastActivityAt: Instant | null
}

/** One enrolment's part of the state. */
export type Stay = {
  readonly enrollmentId: EnrollmentId
  /** The pinned version; null while only the end of the enrolment has arrived. */
  readonly versionId: CourseVersionId | null
  readonly versionSequence: number
  readonly isActive: boolean
  readonly endedAt: Instant | null
  /** Of the newest event that decided `isActive`. */
  readonly sequence: number
  readonly completions: Readonly<Record<LessonId, Instant>>
  readonly completedAt: Instant | null
}

/** All that the log says of a learner in a course. */
export type State = {
  readonly activity: Activity
  readonly stays: Readonly<Record<EnrollmentId, Stay>>
}

export type Version = {
  readonly versionId: CourseVersionId
  readonly items: readonly Item[]
  readonly completionRule: CompletionRule
}

export type ItemState = 'not_started' | 'in_progress' | 'completed'

export const EMPTY: State = {
  activity: { coverage: {}, touched: [], resume: null, lastActivityAt: null },
  stays: {},
}

/**
 * The state with one more fact. Neither order nor repetition of facts makes a difference: everything is a maximum, a
 * minimum, a union, or the fact of the highest sequence. That is why a rebuild equals what was live.
 */
export const apply = (state: State, fact: Fact): State => {
  const { activity } = state
  switch (fact.kind) {
    case 'viewed':
      return {
        ...state,
        activity: { ...touch(activity, fact.lessonId, fact), ...goOn(state, fact) },
      }
    case 'confirmed':
      return { ...state, activity: touch(activity, fact.lessonId, fact) }
    case 'watched': {
      const viewing = viewingOf(fact)
      const seen = Math.max(activity.coverage[viewing] ?? 0, fact.coverageBasisPoints)
      const coverage = { ...activity.coverage, [viewing]: seen }
      const touched = touch(activity, fact.lessonId, fact)
      return { ...state, activity: { ...touched, ...goOn(state, fact), coverage } }
    }
    case 'graded':
      return { ...state, activity: touch(activity, fact.assessmentId, fact) }
    case 'overridden':
      return state
    case 'enrolled':
    case 'ended':
    case 'item_completed':
    case 'course_completed':
      return withStay(state, fact)
    default:
      return unreachable(fact)
  }
}

/** The state that a log of facts amounts to, in whatever order and however often each stands there. */
export const fold = (facts: readonly Fact[]): State => facts.reduce(apply, EMPTY)

/** Whether a fact belongs into the log: a report of a video that shows nothing new does not. */
export const isNews = ({ activity }: State, fact: Fact): boolean =>
  fact.kind !== 'watched' ||
  fact.coverageBasisPoints > (activity.coverage[viewingOf(fact)] ?? -1) ||
  isLater(fact, activity.resume)

/**
 * What follows from `facts` for an enrolment that has not been concluded yet: items first, then the course.
 *
 * @param facts all of the log, or the one that is new.
 */
export const conclude = (
  stay: Stay,
  version: Version,
  facts: readonly Fact[],
): readonly Conclusion[] => {
  const counting = facts.filter((fact) => countsFor(stay, fact))
  const items = version.items.flatMap((item): Conclusion[] => {
    if (stay.completions[item.lessonId] !== undefined) return []
    const times = counting.filter((fact) => suffices(fact, item)).map(({ at }) => at)
    const at = times.sort((one, other) => one - other)[0]
    return at === undefined ? [] : [itemCompleted(stay, item.lessonId, at)]
  })
  const completions: Record<LessonId, Instant> = { ...stay.completions }
  for (const item of items) if (item.kind === 'item_completed') completions[item.lessonId] = item.at
  const at = stay.completedAt === null ? courseCompletedAt(version, completions) : undefined
  return at === undefined ? items : [...items, courseCompleted(stay, at)]
}

/** What the world hears of a conclusion. */
export const eventOf = (
  { accountId, courseId, organizationId }: LearnerKey,
  stay: Stay,
  conclusion: Conclusion,
): ProgressEvent => {
  const { enrollmentId, versionId } = stay
  assert(versionId !== null, 'only a known version leads to conclusions')
  const learner = { enrollmentId, accountId, courseId, organizationId, versionId }
  const completedAt = toIso(conclusion.at)
  return conclusion.kind === 'item_completed'
    ? { type: 'progress.item_completed', ...learner, lessonId: conclusion.lessonId, completedAt }
    : { type: 'progress.course_completed', ...learner, completedAt }
}

export type Summary = {
  readonly state: ItemState
  readonly percent: number
  readonly requiredDone: number
  readonly requiredTotal: number | null
}

/** How far an enrolment is. The denominator is the pinned version's required items, and 100 means all of them. */
export const summarise = (
  stay: Stay,
  activity: Activity,
  version: Version | undefined,
): Summary => {
  const hasBegun = activity.touched.length > 0 || Object.keys(stay.completions).length > 0
  const begun = hasBegun ? 'in_progress' : 'not_started'
  const state = stay.completedAt === null ? begun : 'completed'
  if (!version) return { state, percent: 0, requiredDone: 0, requiredTotal: null }
  const required = version.items.filter((item) => item.required)
  const done = required.filter(({ lessonId }) => stay.completions[lessonId] !== undefined).length
  const percent = required.length === 0 ? 0 : Math.floor((done * 100) / required.length)
  return { state, percent, requiredDone: done, requiredTotal: required.length }
}

/** One item as the learner sees it. */
export const itemStateOf = (stay: Stay, activity: Activity, item: Item) => {
  const { completion } = item
  const completedAt = stay.completions[item.lessonId] ?? null
  const hasBegun =
    activity.touched.includes(item.lessonId) ||
    (completion.kind === 'quiz_passed' && activity.touched.includes(completion.assessmentId))
  const begun: ItemState = hasBegun ? 'in_progress' : 'not_started'
  return {
    state: completedAt === null ? begun : ('completed' as const),
    completedAt,
    coverageBasisPoints:
      completion.kind === 'video_watched'
        ? (activity.coverage[viewingOf({ lessonId: item.lessonId, mediaId: completion.mediaId })] ??
          0)
        : null,
  }
}

// An override counts where it was given. All else counts for every enrolment of the learner: who left and comes back
// finds what they had done. What happens after an end is nothing to the enrolment that ended.
const countsFor = (stay: Stay, fact: Fact): boolean =>
  fact.kind === 'overridden'
    ? fact.enrollmentId === stay.enrollmentId
    : stay.isActive || (stay.endedAt !== null && fact.at <= stay.endedAt)

const suffices = (fact: Fact, { lessonId, completion }: Item): boolean => {
  switch (fact.kind) {
    case 'viewed':
    case 'confirmed':
      return fact.kind === completion.kind && fact.lessonId === lessonId
    case 'watched':
      return (
        completion.kind === 'video_watched' &&
        fact.lessonId === lessonId &&
        fact.mediaId === completion.mediaId &&
        fact.coverageBasisPoints >= completion.coverageBasisPoints
      )
    case 'graded':
      return (
        completion.kind === 'quiz_passed' &&
        fact.assessmentId === completion.assessmentId &&
        fact.passed
      )
    case 'overridden':
      return fact.lessonId === lessonId
    default:
      return false
  }
}

/** When the last item that the rule needs was completed. */
const courseCompletedAt = (
  { items, completionRule }: Version,
  completions: Readonly<Record<LessonId, Instant>>,
): Instant | undefined => {
  const required = items.filter((item) => item.required)
  const times = required
    .flatMap(({ lessonId }) => completions[lessonId] ?? [])
    .sort((one, other) => one - other)
  const needed =
    completionRule.kind === 'all_required'
      ? required.length
      : Math.ceil((required.length * completionRule.shareBasisPoints) / 10_000)
  return times[needed - 1]
}

const touch = (activity: Activity, id: string, { at }: { at: Instant }): Activity => ({
  ...activity,
  touched: activity.touched.includes(id) ? activity.touched : [...activity.touched, id].sort(),
  lastActivityAt:
    activity.lastActivityAt === null || at > activity.lastActivityAt ? at : activity.lastActivityAt,
})

const goOn = (
  { activity }: State,
  { lessonId, positionMs, at }: Resume,
): Pick<Activity, 'resume'> => ({
  resume: isLater({ lessonId, positionMs, at }, activity.resume)
    ? { lessonId, positionMs, at }
    : activity.resume,
})

// Of two at one instant the greater lesson, then the greater position wins: any rule will do that asks no order.
const isLater = (one: Resume, other: Resume | null): boolean => {
  if (other === null) return true
  if (one.at !== other.at) return one.at > other.at
  if (one.lessonId !== other.lessonId) return one.lessonId > other.lessonId
  return (one.positionMs ?? -1) > (other.positionMs ?? -1)
}

type StayFact = Extract<
  Fact,
  { kind: 'enrolled' | 'ended' | 'item_completed' | 'course_completed' }
>

const withStay = (state: State, fact: StayFact): State => {
  const { enrollmentId } = fact
  const known = state.stays[enrollmentId] ?? unknownStay(enrollmentId)
  return { ...state, stays: { ...state.stays, [enrollmentId]: changeStay(known, fact) } }
}

const changeStay = (stay: Stay, fact: StayFact): Stay => {
  switch (fact.kind) {
    case 'enrolled': {
      const { versionId, sequence } = fact
      const pinned =
        sequence > stay.versionSequence ? { ...stay, versionId, versionSequence: sequence } : stay
      return sequence > stay.sequence
        ? { ...pinned, isActive: true, endedAt: null, sequence }
        : pinned
    }
    case 'ended':
      return fact.sequence > stay.sequence
        ? { ...stay, isActive: false, endedAt: fact.at, sequence: fact.sequence }
        : stay
    case 'item_completed': {
      const at = earlier(stay.completions[fact.lessonId] ?? null, fact.at)
      return { ...stay, completions: { ...stay.completions, [fact.lessonId]: at } }
    }
    case 'course_completed':
      return { ...stay, completedAt: earlier(stay.completedAt, fact.at) }
    default:
      return unreachable(fact)
  }
}

const earlier = (known: Instant | null, at: Instant): Instant =>
  known !== null && known < at ? known : at

const unknownStay = (enrollmentId: EnrollmentId): Stay => ({
  enrollmentId,
  versionId: null,
  versionSequence: -1,
  isActive: false,
  endedAt: null,
  sequence: -1,
  completions: {},
  completedAt: null,
})

// Their ids are what they say, so that the log cannot hold one twice.
const itemCompleted = ({ enrollmentId }: Stay, lessonId: LessonId, at: Instant): Conclusion => ({
  factId: `item_completed:${enrollmentId}:${lessonId}`,
  kind: 'item_completed',
  enrollmentId,
  lessonId,
  at,
})

const courseCompleted = ({ enrollmentId }: Stay, at: Instant): Conclusion => ({
  factId: `course_completed:${enrollmentId}`,
  kind: 'course_completed',
  enrollmentId,
  at,
})
