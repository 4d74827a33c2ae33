import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import type { Item, ItemCompletion } from '../../shared/events/course-outline.ts'
import { type LessonId, newId } from '../../shared/kernel/id.ts'
import { addMs, type Instant, instantOf, MINUTE_MS } from '../../shared/kernel/time.ts'
import {
  apply,
  conclude,
  EMPTY,
  type Fact,
  fold,
  isNews,
  type State,
  summarise,
  type Version,
} from './domain.ts'

const start = instantOf('2026-03-01T10:00:00Z')
const minute = (count: number): Instant => addMs(start, count * MINUTE_MS)

const mediaId = newId('media')
const assessmentId = newId('assessment')
const anItem = (completion: ItemCompletion, required = true): Item => ({
  lessonId: newId('lesson'),
  revision: 1,
  moduleId: newId('module'),
  moduleTitle: 'One',
  title: 'Cutting',
  required,
  completion,
})
const text = anItem({ kind: 'viewed' })
const video = anItem({ kind: 'video_watched', mediaId, coverageBasisPoints: 9_000 })
const quiz = anItem({ kind: 'quiz_passed', assessmentId })
const pledge = anItem({ kind: 'confirmed' })
const extra = anItem({ kind: 'viewed' }, false)
const items = [text, video, quiz, pledge, extra]

const aVersion = (changes: Partial<Version> = {}): Version => ({
  versionId: newId('courseVersion'),
  items,
  completionRule: { kind: 'all_required' },
  ...changes,
})
const version = aVersion()
const enrollmentId = newId('enrollment')

let made = 0
const id = () => `fact-${++made}`
const enrolled = (sequence = 1): Fact => ({
  ...{ factId: id(), kind: 'enrolled', enrollmentId, versionId: version.versionId, sequence },
  at: start,
})
const viewed = ({ lessonId }: Item, at: number): Fact => ({
  ...{ factId: id(), kind: 'viewed', lessonId, positionMs: null, at: minute(at) },
})
const confirmed = ({ lessonId }: Item, at: number): Fact => ({
  ...{ factId: id(), kind: 'confirmed', lessonId, at: minute(at) },
})
const watched = (coverageBasisPoints: number, at: number): Fact => ({
  ...{ factId: id(), kind: 'watched', lessonId: video.lessonId, mediaId, coverageBasisPoints },
  positionMs: coverageBasisPoints,
  at: minute(at),
})
const graded = (passed: boolean, at: number): Fact => ({
  ...{ factId: id(), kind: 'graded', assessmentId, passed, at: minute(at) },
})
const overridden = ({ lessonId }: Item, at: number): Fact => ({
  ...{ factId: id(), kind: 'overridden', enrollmentId, lessonId, at: minute(at) },
  ...{ actorId: newId('account'), reason: 'On paper' },
})
const ended = (at: number, sequence = 2): Fact => ({
  ...{ factId: id(), kind: 'ended', enrollmentId, sequence, at: minute(at) },
})

/** The state and the log after these facts have come one by one, as the service takes them. */
const live = (facts: readonly Fact[], on = version): { state: State; log: readonly Fact[] } => {
  const log: Fact[] = []
  let state = EMPTY
  const add = (fact: Fact) => {
    log.push(fact)
    state = apply(state, fact)
  }
  for (const fact of facts) {
    if (log.some(({ factId }) => factId === fact.factId) || !isNews(state, fact)) continue
    add(fact)
    const isWhole = fact.kind === 'enrolled' || fact.kind === 'ended'
    for (const stay of Object.values(state.stays))
      if (stay.versionId) conclude(stay, on, isWhole ? [...log] : [fact]).forEach(add)
  }
  return { state, log }
}

const stayOf = ({ stays }: State) => {
  const stay = stays[enrollmentId]
  if (!stay) throw new Error('nobody is enrolled')
  return stay
}
const summaryOf = (state: State, on = version) => summarise(stayOf(state), state.activity, on)

describe('items', () => {
  it.each<[string, Item, Fact[], Fact]>([
    ['a text by viewing it', text, [], viewed(text, 1)],
    ['a video by the part that was watched', video, [watched(8_999, 1)], watched(9_000, 2)],
    ['a quiz by passing, not by failing', quiz, [graded(false, 1)], graded(true, 2)],
    ['a pledge by confirming, not by viewing', pledge, [viewed(pledge, 1)], confirmed(pledge, 2)],
    ['anything by an override', quiz, [graded(false, 1)], overridden(quiz, 3)],
  ])('complete %s', (_, { lessonId }, before, fact) => {
    expect(stayOf(live([enrolled(), ...before]).state).completions[lessonId]).toBeUndefined()
    const { state } = live([enrolled(), ...before, fact])
    expect(stayOf(state).completions[lessonId]).toBe(fact.at)
  })

  it('stay completed when the quiz is failed later', () => {
    const { state } = live([enrolled(), graded(true, 1), graded(false, 2)])
    expect(stayOf(state).completions[quiz.lessonId]).toBe(minute(1))
  })

  it('count for an enrolment whose news comes after them', () => {
    const facts = [viewed(text, 1), watched(9_500, 2)]
    expect(stayOf(live([...facts, enrolled()]).state).completions).toEqual({
      [text.lessonId]: minute(1),
      [video.lessonId]: minute(2),
    })
  })

  it('count for an ended enrolment when they happened before the end, however late they come', () => {
    const before = live([enrolled(), ended(5), viewed(text, 4)]).state
    const after = live([enrolled(), ended(5), viewed(text, 6)]).state
    expect(Object.keys(stayOf(before).completions)).toEqual([text.lessonId])
    expect(Object.keys(stayOf(after).completions)).toEqual([])
  })
})

describe('percentage', () => {
  it('counts required items of the pinned version only, rounds down, and stops at 100', () => {
    const three = aVersion({ items: [text, video, quiz, extra] })
    const steps = [viewed(extra, 1), viewed(text, 2), watched(10_000, 3), graded(true, 4)]
    const percents = steps.map((_, count) => {
      const { state } = live([enrolled(), ...steps.slice(0, count + 1)], three)
      return summaryOf(state, three).percent
    })
    expect(percents).toEqual([0, 33, 66, 100])
  })
})

describe('the course', () => {
  const all = [viewed(text, 1), watched(9_000, 2), graded(true, 3), confirmed(pledge, 4)]

  it('is completed with the last required item, once', () => {
    const { state, log } = live([enrolled(), ...all, graded(true, 9), viewed(extra, 10)])
    expect(stayOf(state).completedAt).toBe(minute(4))
    expect(log.filter(({ kind }) => kind === 'course_completed')).toHaveLength(1)
  })

  it('is completed by a share of them when the rule says so', () => {
    const half = aVersion({
      completionRule: { kind: 'share_of_required', shareBasisPoints: 5_000 },
    })
    const { state } = live([enrolled(), ...all.slice(0, 2)], half)
    expect(stayOf(state).completedAt).toBe(minute(2))
    expect(summaryOf(state, half)).toMatchObject({ state: 'completed', percent: 50 })
  })

  it('stays completed, at that moment, under a version that asks for more', () => {
    const { log } = live([enrolled(), ...all])
    const more = aVersion({ items: [...items, anItem({ kind: 'viewed' })] })
    const moved: Fact = { ...enrolled(7), versionId: more.versionId } as Fact
    const state = fold([...log, moved])
    expect(conclude(stayOf(state), more, log)).toEqual([])
    expect(stayOf(state).completedAt).toBe(minute(4))
    expect(summaryOf(state, more)).toMatchObject({ state: 'completed', percent: 80 })
  })
})

describe('the log', () => {
  const lessons = [text, video, quiz, pledge, extra]
  const time = fc.integer({ min: 0, max: 50 })
  const aLesson = fc.constantFrom(...lessons)
  const doing = fc.oneof(
    fc.tuple(aLesson, time).map(([item, at]) => viewed(item, at)),
    fc.tuple(aLesson, time).map(([item, at]) => confirmed(item, at)),
    fc.tuple(fc.integer({ min: 0, max: 10_000 }), time).map(([part, at]) => watched(part, at)),
    fc.tuple(fc.boolean(), time).map(([passed, at]) => graded(passed, at)),
    fc.tuple(aLesson, time).map(([item, at]) => overridden(item, at)),
  )
  const staying = fc.oneof(
    fc.constant(null).map(() => enrolled()),
    time.map((at) => ended(at)),
  )
  /** No two events of one enrolment have the same place in its stream; they arrive in any order of places. */
  const anything = fc.array(fc.oneof(doing, staying), { maxLength: 40 }).map((facts) =>
    facts.map((fact, index) => {
      const sequence = 2 + ((index * 17) % 41)
      return fact.kind === 'enrolled' || fact.kind === 'ended' ? { ...fact, sequence } : fact
    }),
  )
  /** Every fact two to ten times, in any order. */
  const shuffled = (facts: readonly Fact[], repeats: number, seed: number) => {
    const copies = Array.from({ length: repeats }, () => facts).flat()
    const weigh = (index: number) => Math.sin(seed + index * 9_973)
    return copies
      .map((fact, index) => ({ fact, weight: weigh(index) }))
      .sort((one, other) => one.weight - other.weight)
      .map(({ fact }) => fact)
  }
  const chaos = { repeats: fc.integer({ min: 2, max: 10 }), seed: fc.integer() }

  it('amounts to the live state in any order and with every fact two to ten times', () => {
    fc.assert(
      fc.property(fc.record({ facts: anything, ...chaos }), ({ facts, repeats, seed }) => {
        const { state, log } = live([enrolled(), ...facts])
        expect(fold(shuffled(log, repeats, seed))).toEqual(state)
      }),
    )
  })

  it('leaves nothing to conclude that was not concluded live', () => {
    fc.assert(
      fc.property(anything, (facts) => {
        const { state, log } = live([...facts, enrolled()])
        expect(conclude(stayOf(state), version, log)).toEqual([])
      }),
    )
  })

  it('leads to the same items, percentage and place in whatever order things arrive', () => {
    fc.assert(
      fc.property(
        fc.record({ facts: fc.array(doing, { maxLength: 40 }), ...chaos }),
        ({ facts, repeats, seed }) => {
          const given = [enrolled(), ...facts]
          const [one, other] = [live(given).state, live(shuffled(given, repeats, seed)).state]
          const done = (state: State) => Object.keys(stayOf(state).completions).sort()
          expect(done(other)).toEqual(done(one))
          expect(summaryOf(other)).toEqual(summaryOf(one))
          expect(other.activity.coverage).toEqual(one.activity.coverage)
          expect(other.activity.touched).toEqual(one.activity.touched)
        },
      ),
    )
  })

  it('equals a recomputation without the conclusions, when things arrived as they happened', () => {
    fc.assert(
      fc.property(fc.array(doing, { maxLength: 40 }), (facts) => {
        const given = [enrolled(), ...facts.toSorted((one, other) => one.at - other.at)]
        const { state, log } = live(given)
        const raw = log.filter(({ kind }) => !kind.endsWith('_completed'))
        const bare = fold(raw)
        const concluded = conclude(stayOf(bare), version, raw).reduce<State>(apply, bare)
        expect(concluded).toEqual(state)
      }),
    )
  })

  it('never shows more than 100 per cent, and 100 only for all of them', () => {
    fc.assert(
      fc.property(fc.array(doing, { maxLength: 60 }), (facts) => {
        const { percent, requiredDone, requiredTotal } = summaryOf(
          live([enrolled(), ...facts]).state,
        )
        expect(percent).toBeLessThanOrEqual(100)
        expect(percent === 100).toBe(requiredDone === requiredTotal)
      }),
    )
  })

  it('goes on at the newest place, whatever came last', () => {
    const { state } = live([enrolled(), watched(5_000, 7), viewed(text, 3)])
    const lessonId: LessonId = video.lessonId
    expect(state.activity.resume).toEqual({ lessonId, positionMs: 5_000, at: minute(7) })
  })
})
