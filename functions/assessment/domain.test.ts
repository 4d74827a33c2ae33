import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { newId, newOpaqueId } from '../../shared/kernel/id.ts'
import { addMs, type Instant, instantOf, MINUTE_MS } from '../../shared/kernel/time.ts'
import { type Answer, gradeAnswer, keyOf, refuseInvalidAnswer } from './domain/answer.ts'
import {
  type Assessment,
  changeSettings,
  createAssessment,
  drawQuestions,
  type Feedback,
  type Shown,
} from './domain/assessment.ts'
import {
  type Attempt,
  deadlineOf,
  drawItems,
  gradeByHand,
  gradeOf,
  overrideGrade,
  releaseAttempt,
  saveAnswers,
  standingOf,
  startAttempt,
  submitAttempt,
  totalBasisPoints,
} from './domain/attempt.ts'
import { asked, drawOrder, shuffled } from './domain/draw.ts'
import { shownOf } from './domain/feedback.ts'
import {
  type Content,
  type ContentOf,
  newQuestion,
  optionsOf,
  type QuestionId,
} from './domain/question.ts'
import { normalise } from './domain/text.ts'

const now = instantOf('2026-03-01T10:00:00Z')
const common = { prompt: 'Which?', explanation: 'Because.' }

const option = (text: string) => ({ optionId: newOpaqueId('option'), text })
const choice = (text: string, isCorrect: boolean) => ({ ...option(text), isCorrect, feedback: '' })

const texts = fc.uniqueArray(fc.stringMatching(/^[a-z]{1,8}$/), { minLength: 2, maxLength: 8 })
const decimal = fc
  .tuple(fc.integer({ min: -1_000_000, max: 1_000_000 }), fc.integer({ min: 0, max: 999 }))
  .map(([whole, fraction]) => `${whole}.${String(fraction).padStart(3, '0')}`)

const choices = (kind: 'single' | 'multiple') =>
  fc.tuple(texts, fc.array(fc.boolean(), { minLength: 8, maxLength: 8 })).map(
    ([words, flags]): Content => ({
      ...common,
      kind,
      options: words.map((word, index) =>
        choice(word, index === 0 || (kind === 'multiple' && flags[index] === true)),
      ),
    }),
  )
const ordering = texts.map(
  (words): ContentOf<'ordering'> => ({ ...common, kind: 'ordering', items: words.map(option) }),
)
const matching = texts.map(
  (words): ContentOf<'matching'> => ({
    ...common,
    kind: 'matching',
    pairs: words.map((word) => ({ prompt: option(word), choice: option(`${word}!`) })),
    distractors: [option('none of these')],
  }),
)
const contents: fc.Arbitrary<Content> = fc.oneof(
  choices('single'),
  choices('multiple'),
  fc.boolean().map((isTrue): Content => ({ ...common, kind: 'true_false', isTrue })),
  fc
    .tuple(decimal, fc.constantFrom('0', '0.5', '12.25'))
    .map(([value, tolerance]): Content => ({ ...common, kind: 'numeric', value, tolerance })),
  texts.map((acceptedTexts): Content => ({ ...common, kind: 'short_text', acceptedTexts })),
  ordering,
  matching,
)

/** Any answer that a learner could give to this question, right or wrong. */
const answersTo = (content: Content): fc.Arbitrary<Answer> => {
  const ids = optionsOf(content).map(({ optionId }) => optionId)
  const some = () => fc.subarray(ids)
  switch (content.kind) {
    case 'single':
      return fc.constantFrom(...ids).map((optionId) => ({ kind: 'single', optionId }))
    case 'multiple':
      return some().map((optionIds) => ({ kind: 'multiple', optionIds }))
    case 'ordering':
      return fc
        .shuffledSubarray(ids, { minLength: ids.length })
        .map((optionIds) => ({ kind: 'ordering', optionIds }))
    case 'matching': {
      const prompts = content.pairs.map(({ prompt }) => prompt.optionId)
      const others = ids.filter((id) => !prompts.includes(id))
      return fc
        .array(fc.constantFrom(...others), {
          minLength: prompts.length,
          maxLength: prompts.length,
        })
        .map((chosen) => ({
          kind: 'matching',
          pairs: prompts.flatMap((promptId, index) => {
            const choiceId = chosen[index]
            return choiceId ? [{ promptId, choiceId }] : []
          }),
        }))
    }
    case 'true_false':
      return fc.boolean().map((isTrue) => ({ kind: 'true_false', isTrue }))
    case 'numeric':
      return decimal.map((value) => ({ kind: 'numeric', value }))
    default:
      return fc.string().map((text) => ({ kind: 'short_text', text }))
  }
}

const rightAnswer = (content: Content): Answer => {
  const key = keyOf(content)
  if (key === null) throw new Error('an essay has no key')
  if (key.kind === 'numeric') return { kind: 'numeric', value: key.value }
  if (key.kind === 'short_text') return { kind: 'short_text', text: key.acceptedTexts[0] ?? '' }
  return key
}

const questionAndAnswer = contents.chain((content) =>
  fc.tuple(fc.constant(content), answersTo(content)),
)
const partOf = (content: Content, answer: Answer | null) => {
  const credit = gradeAnswer(content, answer)
  if (credit === null) throw new Error('this question is graded by its key')
  return credit.earned / credit.of
}

describe('grading', () => {
  it('gives between nothing and everything for whatever is answered', () => {
    fc.assert(
      fc.property(questionAndAnswer, ([content, answer]) => {
        refuseInvalidAnswer(newId('question'), content, answer)
        const credit = gradeAnswer(content, answer)
        expect(credit?.of).toBeGreaterThan(0)
        expect(partOf(content, answer)).toBeGreaterThanOrEqual(0)
        expect(partOf(content, answer)).toBeLessThanOrEqual(1)
        expect(Number.isInteger(credit?.earned)).toBe(true)
      }),
    )
  })

  it('gives everything for the key and nothing for no answer', () => {
    fc.assert(
      fc.property(contents, (content) => {
        expect(partOf(content, rightAnswer(content))).toBe(1)
        expect(partOf(content, null)).toBe(0)
      }),
    )
  })

  it('does not mind the order of chosen options, of accepted texts and of matched pairs', () => {
    const reversed = (answer: Answer): Answer =>
      answer.kind === 'multiple'
        ? { ...answer, optionIds: answer.optionIds.toReversed() }
        : answer.kind === 'matching'
          ? { ...answer, pairs: answer.pairs.toReversed() }
          : answer
    const turned = (content: Content): Content =>
      content.kind === 'single' || content.kind === 'multiple'
        ? { ...content, options: content.options.toReversed() }
        : content.kind === 'matching'
          ? { ...content, pairs: content.pairs.toReversed() }
          : content.kind === 'short_text'
            ? { ...content, acceptedTexts: content.acceptedTexts.toReversed() }
            : content
    fc.assert(
      fc.property(questionAndAnswer, ([content, answer]) => {
        expect(gradeAnswer(turned(content), reversed(answer))).toEqual(gradeAnswer(content, answer))
      }),
    )
  })

  it('gives a wrong extra choice less than the same choice without it', () => {
    fc.assert(
      fc.property(choices('multiple'), (content) => {
        if (content.kind !== 'multiple') return
        const wrong = content.options.find(({ isCorrect }) => !isCorrect)
        const right = rightAnswer(content)
        if (!wrong || right.kind !== 'multiple') return
        const more = { ...right, optionIds: [...right.optionIds, wrong.optionId] }
        expect(partOf(content, more)).toBeLessThan(1)
        const all = { ...right, optionIds: content.options.map(({ optionId }) => optionId) }
        expect(partOf(content, all)).toBeLessThan(1)
      }),
    )
  })

  it('gives an order that is turned round nothing, and one that is cut once all but one', () => {
    fc.assert(
      fc.property(ordering, (content) => {
        const ids = content.items.map(({ optionId }) => optionId)
        expect(partOf(content, { kind: 'ordering', optionIds: ids.toReversed() })).toBe(0)
        const cut = [...ids.slice(1), ...ids.slice(0, 1)]
        expect(gradeAnswer(content, { kind: 'ordering', optionIds: cut })).toEqual({
          earned: ids.length - 2,
          of: ids.length - 1,
        })
      }),
    )
  })

  it('compares decimals exactly, up to the very edge of the tolerance', () => {
    const content: Content = { ...common, kind: 'numeric', value: '0.3', tolerance: '0.1' }
    const part = (value: string) => partOf(content, { kind: 'numeric', value })
    // 0.3 - 0.2 is more than 0.1 in floating point.
    expect([part('0.2'), part('0.4'), part('0.199999999'), part('0.400000001')]).toEqual([
      1, 1, 0, 0,
    ])
    const negative: Content = { ...content, value: '-0.5', tolerance: '0' }
    expect(partOf(negative, { kind: 'numeric', value: '-0.500' })).toBe(1)
    expect(partOf(negative, { kind: 'numeric', value: '0.5' })).toBe(0)
  })

  it('reads short texts without regard to case, width, composition and white space', () => {
    const content: Content = { ...common, kind: 'short_text', acceptedTexts: ['Café Noir'] }
    for (const text of ['café noir', '  CAFE\u0301 \t NOIR ', 'ｃａｆé\u00a0noir'])
      expect(partOf(content, { kind: 'short_text', text })).toBe(1)
    expect(partOf(content, { kind: 'short_text', text: 'cafe noir' })).toBe(0)
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        expect(normalise(normalise(text))).toBe(normalise(text))
      }),
    )
  })

  it('leaves an essay to a person, unless nothing was written', () => {
    const content: Content = { ...common, kind: 'essay', guidance: '', lengthMax: 100 }
    expect(gradeAnswer(content, { kind: 'essay', text: 'Well.' })).toBeNull()
    expect(partOf(content, { kind: 'essay', text: '  ' })).toBe(0)
  })

  it('refuses what nobody could have been asked', () => {
    const two = [choice('a', true), choice('b', false)]
    const content: Content = { ...common, kind: 'multiple', options: two }
    const [a, b] = two.map(({ optionId }) => optionId)
    const refuse = (answer: Answer, of: Content = content) =>
      expect(() => refuseInvalidAnswer(newId('question'), of, answer)).toThrow(
        expect.objectContaining({ code: 'assessment.answer_invalid' }),
      )
    if (!a || !b) throw new Error('two options')
    refuse({ kind: 'multiple', optionIds: [newOpaqueId('option')] })
    refuse({ kind: 'multiple', optionIds: [a, a] })
    refuse({ kind: 'true_false', isTrue: true })
    const items: Content = { ...common, kind: 'ordering', items: two }
    refuse({ kind: 'ordering', optionIds: [a] }, items)
    const essay: Content = { ...common, kind: 'essay', guidance: '', lengthMax: 3 }
    refuse({ kind: 'essay', text: 'four' }, essay)
    const [p, q] = [option('p'), option('q')]
    const pairs: Content = {
      ...common,
      kind: 'matching',
      pairs: [{ prompt: p, choice: q }],
      distractors: [],
    }
    refuse({ kind: 'matching', pairs: [{ promptId: q.optionId, choiceId: q.optionId }] }, pairs)
    const twice = { promptId: p.optionId, choiceId: q.optionId }
    refuse({ kind: 'matching', pairs: [twice, twice] }, pairs)
  })
})

describe('a question', () => {
  const base = {
    questionId: newId('question'),
    courseId: newId('course'),
    organizationId: newId('organization'),
  }
  const refusal = expect.objectContaining({ code: 'assessment.question_invalid' })

  it('is refused when it has no right answer, two for one, two that read alike, or is too large', () => {
    const same = option('A')
    const bad: Content[] = [
      { ...common, kind: 'single', options: [choice('a', false), choice('b', false)] },
      { ...common, kind: 'single', options: [choice('a', true), choice('b', true)] },
      { ...common, kind: 'multiple', options: [choice('a', true), choice(' A ', false)] },
      { ...common, kind: 'ordering', items: [same, { ...same, text: 'B' }] },
      { ...common, kind: 'numeric', value: '1', tolerance: '-1' },
      {
        ...common,
        kind: 'matching',
        pairs: [{ prompt: option('x'), choice: option('y') }],
        distractors: [option('Y')],
      },
      { ...common, kind: 'short_text', acceptedTexts: ['x'.repeat(10_000)] },
    ]
    for (const content of bad) expect(() => newQuestion({ ...base, content }, now)).toThrow(refusal)
  })
})

describe('the draw', () => {
  it('is the same for one seed, keeps every value, and differs between seeds', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.string()), fc.string(), (values, seed) => {
        const mixed = shuffled(values, seed, 'x')
        expect(mixed).toEqual(shuffled(values.toReversed(), seed, 'x'))
        expect([...mixed].sort()).toEqual([...values].sort())
      }),
    )
    const values = Array.from({ length: 20 }, (_, index) => String(index))
    expect(shuffled(values, 'one', 'x')).not.toEqual(shuffled(values, 'two', 'x'))
  })

  it('puts every value at every place about as often', () => {
    const firsts = Array.from(
      { length: 4_000 },
      (_, seed) => shuffled(['a', 'b', 'c', 'd'], `seed ${seed}`, 'x')[0],
    )
    for (const value of ['a', 'b', 'c', 'd']) {
      const share = firsts.filter((first) => first === value).length / firsts.length
      expect(share).toBeGreaterThan(0.21)
      expect(share).toBeLessThan(0.29)
    }
  })

  it('never shows what must be sorted or matched in the order of the key, even unshuffled', () => {
    const items = Array.from({ length: 12 }, (_, index) => option(`item ${index}`))
    const pairs = items.map((prompt, index) => ({ prompt, choice: option(`choice ${index}`) }))
    const draw = (content: Content) =>
      drawOrder(content, { seed: 's', label: 'q', shuffles: false })
    const inOrder = items.map(({ optionId }) => optionId)
    expect(draw({ ...common, kind: 'ordering', items }).options).not.toEqual(inOrder)
    const order = draw({ ...common, kind: 'matching', pairs, distractors: [] })
    expect(order.options).toEqual(inOrder)
    expect(order.choices).not.toEqual(pairs.map(({ choice: { optionId } }) => optionId))
  })

  it('gives options ids whose order tells nothing of theirs', () => {
    const isSorted = Array.from({ length: 400 }, () => {
      const [one, two] = [newOpaqueId('option'), newOpaqueId('option')]
      return one < two
    })
    const share = isSorted.filter(Boolean).length / isSorted.length
    expect(share).toBeGreaterThan(0.35)
    expect(share).toBeLessThan(0.65)
  })

  it('shows of a question nothing but what is asked', () => {
    fc.assert(
      fc.property(contents, (content) => {
        const order = drawOrder(content, { seed: 's', label: 'q', shuffles: true })
        const text = JSON.stringify(asked(content, order))
        expect(text).not.toMatch(/isCorrect|feedback|explanation|Because|isTrue|accepted|toler/)
        if (content.kind === 'numeric') expect(text).not.toContain(content.value)
        if (content.kind === 'short_text')
          expect(text).toBe(JSON.stringify({ kind: 'short_text', prompt: 'Which?' }))
      }),
    )
  })
})

const shown = (changes: Partial<Shown> = {}): Shown => ({
  score: false,
  correctness: false,
  key: false,
  explanations: false,
  ...changes,
})
const feedback: Feedback = {
  during: { correctness: false },
  afterSubmit: shown(),
  afterClose: shown({ key: true }),
  afterRelease: shown({ score: true }),
}

const essay: Content = { ...common, kind: 'essay', guidance: '', lengthMax: 100 }
const trueFalse: Content = { ...common, kind: 'true_false', isTrue: true }

const anAssessment = (changes: Partial<Assessment> = {}): Assessment => ({
  assessmentId: newId('assessment'),
  courseId: newId('course'),
  organizationId: newId('organization'),
  title: 'Quiz',
  instructions: '',
  sections: [],
  shufflesQuestions: true,
  shufflesOptions: true,
  attemptsMax: 2,
  timeLimitSeconds: 600,
  opensAt: null,
  closesAt: null,
  passMarkBasisPoints: 5_000,
  policy: 'best',
  release: 'automatic',
  feedback,
  revision: 1,
  createdAt: now,
  archivedAt: null,
  ...changes,
})

const asking = (contentsAsked: readonly Content[], changes: Partial<Assessment> = {}) => {
  const questions = new Map(
    contentsAsked.map((content) => [newId('question'), { version: 1, content }]),
  )
  const sections = [
    { title: '', questionIds: [...questions.keys()], drawCount: null, pointsEach: 3 },
  ]
  return { assessment: anAssessment({ sections, ...changes }), questions }
}

const begin = (
  { assessment, questions }: ReturnType<typeof asking>,
  command: { attemptsUsed?: number; timeFactorBasisPoints?: number } = {},
  at: Instant = now,
): Attempt =>
  startAttempt(
    assessment,
    {
      attemptId: newId('attempt'),
      accountId: newId('account'),
      attemptsUsed: 0,
      timeFactorBasisPoints: 10_000,
      seed: 'seed',
      questions,
      ...command,
    },
    at,
  ).attempt

const answerAll = (attempt: Attempt, answer: Answer) =>
  saveAnswers(
    attempt,
    {
      answers: attempt.items.map(({ questionId }) => ({ questionId, answer })),
      expectedRevision: attempt.revision,
    },
    now,
  ).attempt

describe('an assessment', () => {
  it('draws as many questions of each section as it says, each once', () => {
    const questionIds = Array.from({ length: 9 }, () => newId('question'))
    const sections = [
      { title: '', questionIds: questionIds.slice(0, 6), drawCount: 2, pointsEach: 1 },
      { title: '', questionIds: questionIds.slice(6), drawCount: null, pointsEach: 5 },
    ]
    fc.assert(
      fc.property(fc.string(), fc.boolean(), (seed, shufflesQuestions) => {
        const drawn = drawQuestions({ sections, shufflesQuestions }, seed)
        expect(drawn.filter(({ points }) => points === 1)).toHaveLength(2)
        expect(drawn.filter(({ points }) => points === 5)).toHaveLength(3)
        expect(new Set(drawn.map(({ questionId }) => questionId)).size).toBe(5)
      }),
    )
  })

  it('is refused when it draws too many, asks twice, or closes before it opens', () => {
    const questionId = newId('question')
    const section = { title: '', questionIds: [questionId], drawCount: null, pointsEach: 1 }
    const many: QuestionId[] = Array.from({ length: 101 }, () => newId('question'))
    const bad: Partial<Assessment>[] = [
      { sections: [{ ...section, drawCount: 2 }] },
      { sections: [section, section] },
      { sections: [{ ...section, questionIds: many }] },
      { opensAt: now, closesAt: now },
    ]
    for (const changes of bad)
      expect(() => createAssessment(anAssessment(changes), now)).toThrow(
        expect.objectContaining({ code: 'assessment.invalid' }),
      )
    const { assessment } = createAssessment(anAssessment(), now)
    expect(() =>
      changeSettings(assessment, {
        changes: { title: 'T' },
        expectedRevision: 7,
        hasResults: false,
      }),
    ).toThrow(expect.objectContaining({ code: 'assessment.revision_stale' }))
  })
})

describe('an attempt', () => {
  it('ends at start + limit x accommodation, or when the assessment closes', () => {
    const limited = { timeLimitSeconds: 600, closesAt: null }
    expect(deadlineOf(limited, 10_000, now)).toBe(addMs(now, 10 * MINUTE_MS))
    expect(deadlineOf(limited, 15_000, now)).toBe(addMs(now, 15 * MINUTE_MS))
    const closesAt = addMs(now, 12 * MINUTE_MS)
    expect(deadlineOf({ ...limited, closesAt }, 15_000, now)).toBe(closesAt)
    expect(deadlineOf({ timeLimitSeconds: null, closesAt }, 15_000, now)).toBe(closesAt)
    expect(deadlineOf({ timeLimitSeconds: null, closesAt: null }, 15_000, now)).toBeNull()
  })

  it('is refused before the opening, from the closing on, and beyond the limit', () => {
    const code = (changes: Partial<Assessment>, attemptsUsed = 0) => {
      try {
        begin(asking([trueFalse], changes), { attemptsUsed })
        return null
      } catch (error) {
        return (error as { code: string }).code
      }
    }
    expect(code({ opensAt: addMs(now, 1) })).toBe('assessment.not_open')
    expect(code({ closesAt: now })).toBe('assessment.closed')
    expect(code({ archivedAt: now })).toBe('assessment.archived')
    expect(code({}, 2)).toBe('assessment.attempts_used_up')
    expect(code({ opensAt: now, closesAt: addMs(now, 1) }, 1)).toBeNull()
    expect(() => drawItems(anAssessment(), { seed: 's', questions: new Map() })).toThrow(
      expect.objectContaining({ code: 'assessment.empty' }),
    )
  })

  it('takes a save until the deadline and none from it on', () => {
    const attempt = begin(asking([trueFalse]))
    const save = (at: Instant) =>
      saveAnswers(
        attempt,
        {
          answers: attempt.items.map(({ questionId }) => ({ questionId, answer: null })),
          expectedRevision: 1,
        },
        at,
      )
    expect(save(addMs(now, 10 * MINUTE_MS - 1)).attempt.revision).toBe(2)
    expect(() => save(addMs(now, 10 * MINUTE_MS))).toThrow(
      expect.objectContaining({ code: 'assessment.deadline_passed' }),
    )
  })

  it('is never handed in before it began, though the clock that takes it is behind', () => {
    const { attempt } = submitAttempt(begin(asking([trueFalse])), addMs(now, -MINUTE_MS))
    expect(attempt.submittedAt).toBe(attempt.startedAt)
  })

  it('takes the same save twice and another one of the same revision not', () => {
    const attempt = begin(asking([trueFalse]))
    const saved = answerAll(attempt, { kind: 'true_false', isTrue: true })
    const again = (isTrue: boolean) =>
      saveAnswers(
        saved,
        {
          answers: attempt.items.map(({ questionId }) => ({
            questionId,
            answer: { kind: 'true_false', isTrue },
          })),
          expectedRevision: 1,
        },
        now,
      )
    expect(again(true).attempt).toBe(saved)
    expect(() => again(false)).toThrow(
      expect.objectContaining({ code: 'assessment.revision_stale' }),
    )
  })

  it('counts from its deadline when it is handed in late, with what was saved', () => {
    const attempt = answerAll(begin(asking([trueFalse])), { kind: 'true_false', isTrue: true })
    const { attempt: late, events } = submitAttempt(attempt, addMs(now, 60 * MINUTE_MS))
    expect(late).toMatchObject({
      state: 'released',
      submittedBy: 'deadline',
      submittedAt: attempt.deadline,
      gradeBasisPoints: 10_000,
    })
    expect(events).toMatchObject([{ type: 'attempt.submitted', by: 'deadline' }])
    expect(submitAttempt(late, now)).toEqual({ attempt: late, events: [], isResult: false })
  })

  it('waits for its essays, then for the release if a person decides on that', () => {
    const written = answerAll(begin(asking([essay], { release: 'manual' })), {
      kind: 'essay',
      text: 'Well.',
    })
    const { attempt: waiting } = submitAttempt(written, now)
    expect(waiting).toMatchObject({ state: 'submitted', gradeBasisPoints: null })
    expect(() => releaseAttempt(waiting, now)).toThrow(
      expect.objectContaining({ code: 'assessment.not_graded' }),
    )
    const questionId = waiting.items[0]?.questionId ?? newId('question')
    const command = { questionId, comment: '', graderId: newId('account') }
    const { attempt: graded, isResult } = gradeByHand(
      waiting,
      { ...command, points: 2, expectedRevision: 0 },
      now,
    )
    expect(graded).toMatchObject({ state: 'graded', gradeBasisPoints: 6_666 })
    expect(isResult).toBe(false)
    const released = releaseAttempt(graded, now)
    expect(released).toMatchObject({ isResult: true, attempt: { state: 'released' } })
    expect(releaseAttempt(released.attempt, now).isResult).toBe(false)
    for (const [points, expectedRevision, code] of [
      [4, 1, 'assessment.points_invalid'],
      [3, 0, 'assessment.revision_stale'],
    ] as const)
      expect(() =>
        gradeByHand(released.attempt, { ...command, points, expectedRevision }, now),
      ).toThrow(expect.objectContaining({ code }))
  })

  it('sums fractions exactly and rounds down once', () => {
    const third = { points: 1, credit: { earned: 1, of: 3 } }
    expect(totalBasisPoints([third, third, third])).toBe(3_333)
    const twoThirds = { points: 1, credit: { earned: 2, of: 3 } }
    expect(totalBasisPoints([third, twoThirds])).toBe(5_000)
    expect(totalBasisPoints([third, { points: 1, credit: null }])).toBeNull()
    const credit = fc.tuple(
      fc.nat(19),
      fc.integer({ min: 1, max: 20 }),
      fc.integer({ min: 1, max: 1_000 }),
    )
    fc.assert(
      fc.property(fc.array(credit, { minLength: 1, maxLength: 100 }), (parts) => {
        const items = parts.map(([earned, of, points]) => ({
          points,
          credit: { earned: Math.min(earned, of), of },
        }))
        const total = totalBasisPoints(items) ?? -1
        expect(total).toBeGreaterThanOrEqual(0)
        expect(total).toBeLessThanOrEqual(10_000)
        expect(totalBasisPoints(items.toReversed())).toBe(total)
        const full = items.map((item) => ({ ...item, credit: { earned: 7, of: 7 } }))
        expect(totalBasisPoints(full)).toBe(10_000)
      }),
    )
  })

  it('has the grade of its override while there is one', () => {
    const { attempt } = submitAttempt(begin(asking([trueFalse])), now)
    const override = { gradeBasisPoints: 5_000, reason: 'r', byId: newId('account'), at: now }
    const { attempt: overridden, isResult } = overrideGrade(attempt, {
      override,
      expectedRevision: 0,
    })
    expect(gradeOf(overridden)).toEqual({ gradeBasisPoints: 5_000, isPassed: true })
    expect(isResult).toBe(true)
    const { attempt: back } = overrideGrade(overridden, { override: null, expectedRevision: 1 })
    expect(gradeOf(back)).toEqual({ gradeBasisPoints: 0, isPassed: false })
    expect(overrideGrade(back, { override: null, expectedRevision: 2 }).isResult).toBe(false)
  })
})

describe('the result under a policy', () => {
  const grade = (gradeBasisPoints: number, isPassed: boolean) => ({ gradeBasisPoints, isPassed })

  it('is the best grade, or the last one', () => {
    const grades = [grade(4_000, false), grade(9_000, true), grade(6_000, true)]
    expect(standingOf('best', grades)).toEqual(grade(9_000, true))
    expect(standingOf('last', grades)).toEqual(grade(6_000, true))
    expect(standingOf('best', [])).toBeNull()
  })

  it('never takes a pass back under `best`, whatever the pass mark was later', () => {
    expect(standingOf('best', [grade(5_000, true), grade(6_000, false)])).toEqual(
      grade(6_000, true),
    )
  })
})

describe('feedback', () => {
  const phases: Feedback = {
    during: { correctness: true },
    afterSubmit: shown({ correctness: true }),
    afterClose: shown({ key: true }),
    afterRelease: shown({ score: true, explanations: true }),
  }
  const closesAt = addMs(now, MINUTE_MS)
  const at = (state: Attempt['state'], when: Instant) =>
    shownOf({ state }, { feedback: phases, closesAt }, when)

  it('adds what each phase shows and holds the others back', () => {
    const late = addMs(closesAt, 1)
    expect(at('in_progress', late)).toEqual(shown({ correctness: true }))
    expect(at('submitted', now)).toEqual(shown({ correctness: true }))
    expect(at('graded', late)).toEqual(shown({ correctness: true, key: true }))
    expect(at('released', now)).toEqual(
      shown({ correctness: true, score: true, explanations: true }),
    )
  })

  it('holds the score back until the release, whatever the phase says', () => {
    const eager = { ...phases, afterSubmit: shown({ score: true }) }
    expect(shownOf({ state: 'graded' }, { feedback: eager, closesAt: null }, now).score).toBe(false)
  })
})
