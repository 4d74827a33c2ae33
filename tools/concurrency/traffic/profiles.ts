import type { Traffic } from './traffic.ts'

/**
 * Built-in profiles: assumptions, written where they can be read and argued with. Each door's calls are so many a minute
 * for each learner who is online, times how many are online.
 */
type Profile = {
  readonly title: string
  readonly minutes: number
  readonly bucketSeconds: number
  /** Share of the active learners who are online, at a share (0 to 1) of the profile's time. */
  readonly online: (progress: number) => number
  /** Calls a minute for each learner online. */
  readonly perMinute: Readonly<Record<string, number>>
  /** Calls that everybody of a share of the learners makes once, around a moment. */
  readonly bursts: readonly Burst[]
}

type Burst = {
  readonly functionKey: string
  /** Of the active learners. */
  readonly share: number
  /** Calls of each of them. */
  readonly calls: number
  readonly atMinute: number
  /** Two thirds of the calls come within this before or after it (a normal curve). */
  readonly spreadSeconds: number
}

/** Watching sends a heartbeat every 15 s; six of ten learners online are watching. */
const LEARNING = {
  videoStreamingHttp: 2.4,
  progressHttp: 1,
  contentHttp: 0.8,
  courseHttp: 0.8,
  assessmentHttp: 0.4,
  notificationHttp: 0.4,
  enrollmentHttp: 0.2,
  userHttp: 0.2,
  rbacHttp: 0.2,
  authHttp: 0.1,
  organizationHttp: 0.05,
  mediaHttp: 0.05,
  certificateHttp: 0.02,
  videoProcessingHttp: 0.01,
}

const PROFILES: Readonly<Record<string, Profile>> = {
  steady: {
    title: 'a weekday afternoon: one learner in ten is online, give or take a fifth',
    minutes: 120,
    bucketSeconds: 60,
    online: (progress) => 0.1 * (1 + 0.2 * Math.sin(2 * Math.PI * progress)),
    perMinute: LEARNING,
    bursts: [],
  },
  'term-start': {
    title:
      'the first morning of a term: within half an hour a third is online, signs in and enrols',
    minutes: 120,
    bucketSeconds: 10,
    online: (progress) => 0.02 + 0.33 * Math.min(1, progress * 4),
    perMinute: { ...LEARNING, enrollmentHttp: 1, courseHttp: 2, userHttp: 0.5 },
    bursts: [
      { functionKey: 'authHttp', share: 0.35, calls: 1.2, atMinute: 20, spreadSeconds: 420 },
      { functionKey: 'enrollmentHttp', share: 0.3, calls: 3, atMinute: 25, spreadSeconds: 480 },
    ],
  },
  'exam-burst': {
    title:
      'an exam of half an hour: every fifth learner begins within seconds and hands in at the bell',
    minutes: 45,
    bucketSeconds: 1,
    online: () => 0.2,
    // Answers are saved twice a minute while the exam runs; there is little else to do.
    perMinute: { ...LEARNING, videoStreamingHttp: 0.1, contentHttp: 0.2, assessmentHttp: 2 },
    bursts: [
      { functionKey: 'authHttp', share: 0.2, calls: 1, atMinute: 5, spreadSeconds: 60 },
      { functionKey: 'assessmentHttp', share: 0.2, calls: 2, atMinute: 8, spreadSeconds: 8 },
      { functionKey: 'assessmentHttp', share: 0.2, calls: 2, atMinute: 38, spreadSeconds: 2 },
      { functionKey: 'progressHttp', share: 0.2, calls: 1, atMinute: 38.2, spreadSeconds: 4 },
    ],
  },
}

export const PROFILE_NAMES: readonly string[] = Object.keys(PROFILES)

/** @param learners how many are active, that is, have come within a month. */
export const builtInTraffic = (name: string, learners: number): Traffic | undefined => {
  const profile = Object.hasOwn(PROFILES, name) ? PROFILES[name] : undefined
  if (!profile) return undefined
  const { minutes, bucketSeconds, bursts } = profile
  const buckets = (minutes * 60) / bucketSeconds
  const keys = new Set([
    ...Object.keys(profile.perMinute),
    ...bursts.map(({ functionKey }) => functionKey),
  ])
  const rateOf = (key: string, bucket: number): number => {
    const atSecond = (bucket + 0.5) * bucketSeconds
    const online = learners * profile.online((bucket + 0.5) / buckets)
    const burst = bursts
      .filter(({ functionKey }) => functionKey === key)
      .reduce((sum, one) => sum + burstRate(one, atSecond) * learners, 0)
    return (online * (profile.perMinute[key] ?? 0)) / 60 + burst
  }
  return {
    name,
    bucketSeconds,
    covers: 'doors',
    rates: new Map(
      [...keys].map((key) => [
        key,
        Array.from({ length: buckets }, (_, bucket) => rateOf(key, bucket)),
      ]),
    ),
    notes: [`Profile ${name} with ${learners} active learners: ${profile.title}.`],
  }
}

/** Calls a second for each active learner. */
const burstRate = ({ share, calls, atMinute, spreadSeconds }: Burst, atSecond: number): number => {
  const distance = (atSecond - atMinute * 60) / spreadSeconds
  const density = Math.exp(-(distance ** 2) / 2) / (spreadSeconds * Math.sqrt(2 * Math.PI))
  return share * calls * density
}
