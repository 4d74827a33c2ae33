import * as z from 'zod'
import { idSchema } from '../kernel/id.ts'

/** Who finds a course in the catalogue and may enrol by themselves. */
export const visibilitySchema = z.enum(['public', 'unlisted', 'private'])

/** How a learner completes one item. */
export const itemCompletionSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('viewed') }),
  /** The part of the video that must have been watched, in 1/10,000. */
  z.strictObject({
    kind: z.literal('video_watched'),
    mediaId: idSchema('media'),
    coverageBasisPoints: z.int().min(1).max(10_000),
  }),
  z.strictObject({ kind: z.literal('quiz_passed'), assessmentId: idSchema('assessment') }),
  /** The learner says so. */
  z.strictObject({ kind: z.literal('confirmed') }),
])
export type ItemCompletion = z.infer<typeof itemCompletionSchema>

/** One item of a published version: a lesson, pinned to the revision that was published. */
export const itemSchema = z.object({
  lessonId: idSchema('lesson'),
  revision: z.int().positive(),
  moduleId: idSchema('module'),
  moduleTitle: z.string(),
  title: z.string(),
  required: z.boolean(),
  completion: itemCompletionSchema,
})
export type Item = z.infer<typeof itemSchema>

/** When the course itself is complete. */
export const completionRuleSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('all_required') }),
  /** At least this share of the required items, in 1/10,000. */
  z.strictObject({
    kind: z.literal('share_of_required'),
    shareBasisPoints: z.int().min(1).max(10_000),
  }),
])
export type CompletionRule = z.infer<typeof completionRuleSchema>

/** Whether completion earns a certificate, and what it must reach. */
export const certificateRuleSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('none') }),
  z.strictObject({
    kind: z.literal('on_completion'),
    /** The least grade, in 1/10,000; 0 asks for none. */
    gradeBasisPointsMin: z.int().min(0).max(10_000),
    /** Days until it expires; null for never. */
    validDays: z.int().min(1).max(36_500).nullable(),
  }),
])
export type CertificateRule = z.infer<typeof certificateRuleSchema>
