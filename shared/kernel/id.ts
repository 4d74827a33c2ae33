import { randomBytes } from 'node:crypto'
import * as z from 'zod'
import { systemClock } from './time.ts'

declare const brand: unique symbol

/** An identifier that only fits where its own kind is wanted: `crs_0198c1…`, a prefix and a UUIDv7 in hex. */
export type Id<Kind extends IdKind> = string & { readonly [brand]: Kind }

/** Every kind of id and its prefix: one table, so that no two things share one. */
export const ID_PREFIXES = {
  account: 'acc',
  session: 'ses',
  organization: 'org',
  member: 'mem',
  invitation: 'inv',
  licencePool: 'lic',
  seat: 'sea',
  role: 'rol',
  grant: 'grt',
  course: 'crs',
  courseVersion: 'crv',
  category: 'cat',
  module: 'mod',
  lesson: 'les',
  block: 'blk',
  media: 'med',
  video: 'vid',
  playback: 'pbk',
  enrollment: 'enr',
  entitlement: 'ent',
  enrollmentCode: 'cod',
  assessment: 'asm',
  question: 'qst',
  option: 'opt',
  attempt: 'att',
  certificate: 'crt',
  signingKey: 'key',
  notification: 'ntf',
  delivery: 'dlv',
  event: 'evt',
} as const

export type IdKind = keyof typeof ID_PREFIXES

export type AccountId = Id<'account'>
export type SessionId = Id<'session'>
export type OrganizationId = Id<'organization'>
export type CourseId = Id<'course'>
export type CourseVersionId = Id<'courseVersion'>
export type LessonId = Id<'lesson'>
export type MediaId = Id<'media'>
export type VideoId = Id<'video'>
export type AssessmentId = Id<'assessment'>
export type EnrollmentId = Id<'enrollment'>
export type CertificateId = Id<'certificate'>

/** A new id: time-ordered (UUIDv7, RFC 9562 section 5.7), so indexes grow at their end. Never a secret. */
export const newId = <Kind extends IdKind>(kind: Kind): Id<Kind> =>
  `${ID_PREFIXES[kind]}_${uuidV7Hex()}` as Id<Kind>

/**
 * A new id that tells nothing, not even which of two was made first: for what stands beside a secret, like the
 * options of a question.
 */
export const newOpaqueId = <Kind extends IdKind>(kind: Kind): Id<Kind> =>
  `${ID_PREFIXES[kind]}_${randomBytes(16).toString('hex')}` as Id<Kind>

/** Accepts exactly the ids of one kind. */
export const idSchema = <Kind extends IdKind>(kind: Kind): z.ZodType<Id<Kind>, Id<Kind>> =>
  z
    .string()
    .regex(new RegExp(`^${ID_PREFIXES[kind]}_[0-9a-f]{32}$`), { error: `must be a ${kind} id` })
    // The pattern proves the kind; this cast is where text becomes an id.
    .meta({
      examples: [`${ID_PREFIXES[kind]}_0198c1f2a4b87c3d9e0f1a2b3c4d5e6f`],
    }) as unknown as z.ZodType<Id<Kind>, Id<Kind>>

const uuidV7Hex = (): string => {
  const bytes = randomBytes(16)
  bytes.writeUIntBE(systemClock(), 0, 6)
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x70, 6)
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8)
  return bytes.toString('hex')
}
