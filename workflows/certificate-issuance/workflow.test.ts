import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { PutObjectCommand } from '@aws-sdk/client-s3'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { extractText, getDocumentProxy } from 'unpdf'
import {
  CHECK_AFTER_MS,
  executionNameOf,
  pdfKeyOf,
} from '../../functions/certificate/domain/certificate.ts'
import { certificate } from '../../functions/certificate/service.ts'
import { type Tenant, transaction } from '../../shared/db/transaction.ts'
import type { CertificateRule } from '../../shared/events/course-outline.ts'
import {
  type AccountId,
  type AssessmentId,
  type CertificateId,
  newId,
} from '../../shared/kernel/id.ts'
import { MINUTE_MS, toIso } from '../../shared/kernel/time.ts'
import { silentLog } from '../../shared/observe/logger.ts'
import { continueTrace } from '../../shared/observe/trace.ts'
import { isMissing, readObjectHead } from '../../shared/storage/objects.ts'
import { useDatabase } from '../../tests/support/database.ts'
import { somebody, useDoors } from '../../tests/support/door.ts'
import { useStorage } from '../../tests/support/storage.ts'
import * as errors from './errors.ts'
import { readDefinition, type StepName, signing, useIssuance } from './testing.ts'
import { steps } from './workflow.ts'

// The deployed state machine, played by local/step-functions over the real steps, Typst, a real S3 and the service's doors.

const database = useDatabase()
const bucket = useStorage()
const hub = useDoors(database, certificate, () => ({
  ...signing,
  storage: bucket.storage(),
  executions: workflow.executions(),
  course: { getCourse: () => Promise.reject(new Error('nobody asks')) },
}))
const workflow = useIssuance(database, bucket, hub.clock)

const organizationId = newId('organization')
const START = hub.clock.now()
const PDF_BYTES_MAX = 1_000_000

beforeEach(() => {
  workflow.ran.length = 0
})
afterEach(async () => {
  delete workflow.hooks.before
  delete workflow.hooks.after
  await workflow.settled()
  hub.clock.set(START)
})

const ON_COMPLETION: CertificateRule = {
  kind: 'on_completion',
  gradeBasisPointsMin: 0,
  validDays: null,
}

const aCourse = async (rule = ON_COMPLETION, quizzes: AssessmentId[] = []) => {
  const course = { courseId: newId('course'), versionId: newId('courseVersion') }
  await hub.deliver('course.published', {
    ...course,
    organizationId,
    title: 'Film editing',
    slug: 'film-editing',
    visibility: 'public',
    instructorIds: [],
    versionNumber: 1,
    prerequisiteIds: [],
    items: quizzes.map((assessmentId) => ({
      lessonId: newId('lesson'),
      revision: 1,
      moduleId: newId('module'),
      moduleTitle: 'One',
      title: 'Quiz',
      required: true,
      completion: { kind: 'quiz_passed' as const, assessmentId },
    })),
    completionRule: { kind: 'all_required' },
    certificateRule: rule,
    publishedAt: toIso(START),
  })
  return course
}

const complete = async (
  name: string | undefined,
  course: Awaited<ReturnType<typeof aCourse>>,
): Promise<AccountId> => {
  const accountId = newId('account')
  if (name !== undefined) await signUp(accountId, name)
  await hub.deliver(
    'progress.course_completed',
    {
      ...course,
      enrollmentId: newId('enrollment'),
      accountId,
      organizationId,
      completedAt: toIso(START),
    },
    { organizationId },
  )
  return accountId
}

const signUp = (accountId: AccountId, name: string) =>
  hub.deliver('account.registered', {
    accountId,
    email: 'a@example.org',
    name,
    locale: 'en',
    timeZone: 'UTC',
    organizationId,
  })

const ofLearner = async (accountId: AccountId) => {
  const as = somebody('learner', { organizationId, accountId })
  return (await hub.get('/v1/certificates', { as })).body.items[0]
}

const outcomeOf = async (accountId: AccountId) => {
  await workflow.settled()
  return ofLearner(accountId)
}

const ranOf = (certificateId: CertificateId): StepName[] =>
  workflow.ran.filter(({ input }) => input.certificateId === certificateId).map(({ step }) => step)

const statusOf = async (certificateId: CertificateId, run = 1) =>
  (await workflow.list()).find(({ name }) => name === executionNameOf({ certificateId, run }))
    ?.status

const pdfOf = (certificateId: CertificateId, run = 1) =>
  readObjectHead(bucket.storage(), pdfKeyOf({ certificateId, run }), PDF_BYTES_MAX)

/** Breaks a step so often: before its work, or after it, as a lost answer would. */
const breakStep = (broken: StepName, times: number, when: 'before' | 'after', error?: Error) => {
  let left = times
  workflow.hooks[when] = async (step) => {
    if (step !== broken || left === 0) return
    left -= 1
    throw error ?? new Error('the network is down')
  }
}

const callAt = () => {
  const context = { now: hub.clock.now(), traceparent: continueTrace(undefined) }
  return {
    ...context,
    log: silentLog,
    transaction: (tenant: Tenant, work: never) =>
      transaction(database.as('certificate'), { ...context, tenant, actorId: 'system' }, work),
  } as never
}

const ALL: StepName[] = ['checkRule', 'snapshot', 'render', 'sign', 'issue']

describe('state-machine.asl.json', () => {
  type State = {
    readonly Type: string
    readonly Resource?: string
    readonly TimeoutSeconds?: number
    readonly Retry?: readonly { readonly ErrorEquals: readonly string[] }[]
    readonly Catch?: readonly { readonly ErrorEquals: readonly string[] }[]
  }
  const read = async () => (await readDefinition()) as { States: Record<string, State> }
  const tasks = async () =>
    Object.entries((await read()).States).filter(([, { Type }]) => Type === 'Task')

  it('is accepted by asl-validator', async () => {
    // CommonJS, and its types are not published where TypeScript looks.
    const validate = createRequire(import.meta.url)('asl-validator') as (definition: unknown) => {
      readonly isValid: boolean
      errorsText(): string
    }
    const { isValid, errorsText } = validate(await readDefinition())
    expect(isValid ? '' : errorsText()).toBe('')
  })

  it('has a step of the same name for every task, and a task for every step', async () => {
    const lambda = readFileSync(join(import.meta.dirname, 'lambda.ts'), 'utf8')
    const yaml = readFileSync(join(import.meta.dirname, 'function.yml'), 'utf8')
    const names = (await tasks()).map(([state, { Resource }]) => {
      expect(Resource).toBe(`\${CertificateIssuance${state}LambdaFunction.Arn}`)
      return `${state.charAt(0).toLowerCase()}${state.slice(1)}`
    })
    expect(names.toSorted()).toEqual(Object.keys(steps).toSorted())
    for (const name of names) {
      expect(lambda).toContain(`export const ${name} = stepDoor(steps.${name}, runtime)`)
      expect(yaml).toContain(`handler: workflows/certificate-issuance/lambda.${name}\n`)
    }
  })

  it('names every error that exists and no other', async () => {
    const named = (await tasks())
      .flatMap(([, { Retry = [], Catch = [] }]) => [...Retry, ...Catch])
      .flatMap(({ ErrorEquals }) => ErrorEquals)
      .filter((name) => !name.startsWith('States.'))
    const classes = Object.values(errors).map((Class) => new Class('code', 'Words.').name)
    expect(new Set(named)).toEqual(new Set(classes))
  })

  it('limits the time of every task, and catches everything', async () => {
    for (const [name, { TimeoutSeconds = 0, Retry = [], Catch = [] }] of await tasks()) {
      expect(TimeoutSeconds).toBeGreaterThan(0)
      expect(Retry.length).toBeGreaterThan(0)
      const caught = Catch.flatMap(({ ErrorEquals }) => ErrorEquals)
      if (name !== 'MarkFailed') expect(caught).toContain('States.ALL')
    }
  })
})

describe('an execution', () => {
  it('takes each step once and issues', async () => {
    const issued = await outcomeOf(await complete('Ada Lovelace', await aCourse()))
    expect(issued).toMatchObject({ state: 'issued' })
    expect(ranOf(issued.certificateId)).toEqual(ALL)
    expect(await statusOf(issued.certificateId)).toBe('SUCCEEDED')
  })

  it('withholds without taking a step further', async () => {
    const rule = { ...ON_COMPLETION, gradeBasisPointsMin: 1 }
    const withheld = await outcomeOf(await complete('Ada', await aCourse(rule)))
    expect(withheld).toMatchObject({ state: 'withheld', reasonCode: 'grade_too_low' })
    expect(ranOf(withheld.certificateId)).toEqual(['checkRule'])
    expect(await statusOf(withheld.certificateId)).toBe('SUCCEEDED')
  })

  it.each(ALL)(
    'gives the same certificate when %s is retried, before and after its work',
    async (step) => {
      for (const when of ['before', 'after'] as const) {
        breakStep(step, 1, when)
        const issued = await outcomeOf(await complete('Ada', await aCourse()))
        expect(issued).toMatchObject({ state: 'issued' })
        expect(ranOf(issued.certificateId).filter((ran) => ran === step)).toHaveLength(2)
        const said = (await hub.outbox('certificate.issued')).filter(
          ({ subject }) => subject === issued.certificateId,
        )
        expect(said).toHaveLength(1)
        delete workflow.hooks[when]
      }
    },
  )

  it('says the same in every repetition, though time has moved on', async () => {
    const before = new Map<string, unknown>()
    workflow.hooks.after = async (step) => {
      const { input } = workflow.ran.at(-1) ?? {}
      const [row] = await database.query<{ snapshot: unknown; credential: string; pdf: unknown }>(
        'select snapshot, credential, pdf from certificate.certificates where certificate_id = $1',
        [input?.certificateId],
      )
      const known = before.get(step)
      if (known) return expect(row).toEqual(known)
      before.set(step, row)
      hub.clock.advanceMs(MINUTE_MS)
      if (step === 'snapshot' || step === 'render' || step === 'sign') throw new Error('lost')
    }
    const issued = await outcomeOf(await complete('Ada', await aCourse()))
    expect(issued).toMatchObject({ state: 'issued' })
    expect(ranOf(issued.certificateId)).toHaveLength(ALL.length + 3)
  })

  it.each(ALL)(
    'leaves nothing half issued when %s cannot be done, and says so',
    async (step) => {
      breakStep(step, Number.POSITIVE_INFINITY, 'before')
      const failed = await outcomeOf(await complete('Ada', await aCourse()))
      expect(failed).toMatchObject({
        state: 'failed',
        reasonCode: 'issuing_failed',
        claims: null,
        links: null,
      })
      expect(ranOf(failed.certificateId).at(-1)).toBe('markFailed')
      expect(await statusOf(failed.certificateId)).toBe('FAILED')
      expect(isMissing(await pdfOf(failed.certificateId).catch((error: unknown) => error))).toBe(
        true,
      )
      const [row] = await database.query(
        'select snapshot, credential, pdf from certificate.certificates where certificate_id = $1',
        [failed.certificateId],
      )
      expect(row).toEqual({ snapshot: null, credential: null, pdf: null })
      expect(
        (await hub.outbox('certificate.issued')).some(
          ({ subject }) => subject === failed.certificateId,
        ),
      ).toBe(false)
    },
    20_000,
  )

  it('marks the failure even when that needs another try', async () => {
    const accountId = await complete('Ada \u{13000}', await aCourse())
    breakStep('markFailed', 2, 'before')
    expect(await outcomeOf(accountId)).toMatchObject({
      state: 'failed',
      reasonCode: 'not_printable',
    })
  })

  it('waits for facts as long as it may, then says what is missing', async () => {
    const failed = await outcomeOf(await complete(undefined, await aCourse()))
    expect(failed).toMatchObject({
      state: 'failed',
      reasonCode: 'facts_missing',
      reason: 'Not known in time: the name of the learner.',
    })
  }, 20_000)

  it('goes on without a grade that does not come, where the rule asks for none', async () => {
    workflow.hooks.before = async () => hub.clock.advanceMs(MINUTE_MS / 2)
    const course = await aCourse(ON_COMPLETION, [newId('assessment')])
    expect(await outcomeOf(await complete('Ada', course))).toMatchObject({
      state: 'issued',
      claims: { gradeBasisPoints: null },
    })
  })

  it('stops without a trace when the run is another’s', async () => {
    let certificateId: CertificateId | undefined
    workflow.hooks.before = async (step) => {
      if (step !== 'sign' || certificateId) return
      certificateId = workflow.ran.at(-1)?.input.certificateId
      await database.query(
        'update certificate.certificates set run = 2, check_at = $2 where certificate_id = $1',
        [certificateId, toIso(START)],
      )
    }
    const accountId = await complete('Ada', await aCourse())
    expect(await outcomeOf(accountId)).toMatchObject({ state: 'issuing', claims: null })
    expect(certificateId && (await statusOf(certificateId))).toBe('SUCCEEDED')
    // The sweeper starts the run that the row names, and it finishes what was begun.
    hub.clock.advanceMs(CHECK_AFTER_MS)
    await hub.runJob('recover')
    expect(await outcomeOf(accountId)).toMatchObject({ state: 'issued' })
  })

  it('waits for the commit of what started it, and leaves nothing if there is none', async () => {
    const input = { certificateId: newId('certificate'), organizationId, traceparent: '' }
    const executionName = `${input.certificateId}-1`
    await expect(workflow.runStep('checkRule', { ...input, executionName })).rejects.toThrow(
      errors.NotYetRecorded,
    )
    const failure = { Error: 'NotYetRecorded', Cause: '{}' }
    await workflow.runStep('markFailed', { ...input, executionName, failure } as never)
    await expect(pdfOf(input.certificateId)).rejects.toThrow()
  })

  it('is resumed where it was after the machine went away', async () => {
    const gate = Promise.withResolvers<void>()
    const reached = Promise.withResolvers<void>()
    workflow.hooks.before = async (step) => {
      if (step !== 'sign') return
      reached.resolve()
      await gate.promise
    }
    const accountId = await complete('Ada', await aCourse())
    await reached.promise
    delete workflow.hooks.before
    await workflow.restart()
    gate.resolve()
    const issued = await outcomeOf(accountId)
    expect(issued).toMatchObject({ state: 'issued' })
    const ran = ranOf(issued.certificateId)
    expect(ran.filter((step) => step === 'render')).toHaveLength(1)
    expect(ran.filter((step) => step === 'sign')).toHaveLength(2)
  })
})

describe('the PDF', () => {
  const readBack = async (bytes: Uint8Array) => {
    const document = await getDocumentProxy(new Uint8Array(bytes))
    return extractText(document, { mergePages: true })
  }

  it.each([
    ['Latin', 'Zoë Æther-Łukasiewicz'],
    ['Cyrillic', 'Семён Дежнёв'],
    ['Greek', 'Ὑπατία Θέωνος'],
    ['Arabic', 'محمد بن موسى الخوارزمي'],
    ['Hebrew', 'דוד כהן'],
    ['Chinese', '王小明'],
    ['traditional Chinese', '臺灣 龍應台'],
    ['Japanese', '山田 たろう'],
    ['Korean', '김철수'],
    ['mixed with emoji', 'Ada 👩‍🎓 王'],
  ])('reads back a name in %s, on one page, with its fonts inside', async (_, name) => {
    const issued = await outcomeOf(await complete(name, await aCourse()))
    expect(issued).toMatchObject({ state: 'issued' })
    const bytes = await pdfOf(issued.certificateId)
    const { text, totalPages } = await readBack(bytes)
    expect(totalPages).toBe(1)
    // Readers give words that run from the right in the order of the paper.
    for (const word of name.replaceAll('\u200D', '').split(' ')) expect(text).toContain(word)
    expect(text).toContain(issued.certificateId)
    expect(text).toContain(issued.links.page)
    // PDF/A by its own word: fonts inside, every character with its meaning.
    expect(bytes.toString('latin1')).toMatch(/pdfaid:part/)
  })

  it.each([
    ['a word that is wider than the paper', 'x'.repeat(200)],
    ['very many words', 'name '.repeat(40)],
    ['very many characters that break anywhere', '王'.repeat(120)],
    ['markup of Typst', '#panic("x") *b* $x$ \\ @y'],
    ['controls and overrides', 'Ada\u0007 \u202Eecalevol'],
  ])('stays on one page and takes literally %s', async (_, name) => {
    const issued = await outcomeOf(await complete(name, await aCourse()))
    expect(issued).toMatchObject({ state: 'issued' })
    const { text, totalPages } = await readBack(await pdfOf(issued.certificateId))
    expect(totalPages).toBe(1)
    for (const word of name.trim().split(' ')) {
      const shown = word.replaceAll('\u0007', '').replaceAll('\u202E', '')
      if (shown.length < 100) expect(text).toContain(shown)
    }
  })

  it('is that of its own run, though an earlier one was still printing when it was given up', async () => {
    let letGo: (() => void) | undefined
    const stuck = new Promise<void>((resolve) => {
      letGo = resolve
    })
    let zombie: Promise<unknown> | undefined
    const accountId = await complete('Ada Former', await aCourse())
    const certificateId = (await ofLearner(accountId)).certificateId as CertificateId
    workflow.hooks.before = async (step) => {
      if (step !== 'sign') return
      const { input } = workflow.ran.at(-1) ?? {}
      zombie ??= steps
        .render(input as never, callAt(), {
          ...signing,
          storage: bucket.storage(),
          printer: {
            async print() {
              await stuck
              return Buffer.from('of the former name')
            },
          },
        })
        .catch((error: unknown) => error)
      throw new Error('the network is down')
    }
    expect(await outcomeOf(accountId)).toMatchObject({ state: 'failed' })
    delete workflow.hooks.before
    const as = somebody('admin', { organizationId })
    await hub.post(`/v1/certificates/${certificateId}/reissue`, { as })
    expect(await outcomeOf(accountId)).toMatchObject({ state: 'issued', certificateId })
    letGo?.()
    expect(await zombie).toBeInstanceOf(errors.RunOver)
    expect((await readBack(await pdfOf(certificateId, 2))).text).toContain('Ada')
  })

  it('is replaced, not mixed, when something else lies at its place', async () => {
    workflow.hooks.before = async (step) => {
      if (step !== 'render') return
      await bucket.storage().s3.send(
        new PutObjectCommand({
          Bucket: bucket.storage().bucket,
          Key: `certificates/${workflow.ran.at(-1)?.input.executionName}.pdf`,
          Body: 'the rest of an earlier try',
        }),
      )
    }
    const issued = await outcomeOf(await complete('Ada', await aCourse()))
    expect((await readBack(await pdfOf(issued.certificateId))).text).toContain('Ada')
  })
})
