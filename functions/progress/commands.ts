import type { Tx } from '../../shared/db/transaction.ts'
import { assert } from '../../shared/kernel/assert.ts'
import type { CourseVersionId } from '../../shared/kernel/id.ts'
import {
  apply,
  type Conclusion,
  conclude,
  eventOf,
  type Fact,
  fold,
  isNews,
  type LearnerKey,
  type State,
  summarise,
  type Version,
} from './domain.ts'
import { progress } from './store.ts'

/** Pages in which a learner's log in one course is read at most: a million facts. */
const LOG_PAGES_MAX = 1_000

/** Takes one thing that a learner did: into the log, into the state, and what follows from it. Once per `factId`. */
export const take = async (tx: Tx, key: LearnerKey, fact: Fact): Promise<void> => {
  const store = progress(tx)
  const state = await store.lock(key)
  if (!isNews(state, fact) || !(await store.append(key, fact))) return
  await settle(tx, key, { state: apply(state, fact), facts: [fact] })
}

/** Takes the beginning, change or end of an enrolment: what was done before its news came here counts now. */
export const takeEnrollment = async (tx: Tx, key: LearnerKey, fact: Fact): Promise<void> => {
  const store = progress(tx)
  await store.lock(key)
  if (await store.append(key, fact)) await rebuild(tx, key)
}

/**
 * Computes all that is kept of a learner in a course from the log again. Live state and rebuilt state are equal; where a
 * mistake had kept a conclusion from being drawn, it is drawn now.
 */
export const rebuild = async (tx: Tx, key: LearnerKey): Promise<void> => {
  await progress(tx).lock(key)
  const facts = await readAll(tx, key)
  await settle(tx, key, { state: fold(facts), facts })
}

/** Draws the conclusions, keeps everything, and tells the world. The learner is locked. */
const settle = async (
  tx: Tx,
  key: LearnerKey,
  { state, facts }: { state: State; facts: readonly Fact[] },
): Promise<void> => {
  const store = progress(tx)
  const versions = await versionsOf(tx, state)
  const drawn = Object.values(state.stays).flatMap((stay) => {
    const version = stay.versionId && versions.get(stay.versionId)
    return version ? conclude(stay, version, facts).map((conclusion) => ({ stay, conclusion })) : []
  })
  for (const { conclusion } of drawn) await store.append(key, conclusion)
  const concluded = drawn.reduce<State>(
    (before, { conclusion }: { conclusion: Conclusion }) => apply(before, conclusion),
    state,
  )
  await store.save(key, concluded, (stay) =>
    summarise(stay, concluded.activity, stay.versionId ? versions.get(stay.versionId) : undefined),
  )
  await store.emit(drawn.map(({ stay, conclusion }) => eventOf(key, stay, conclusion)))
}

const versionsOf = async (
  tx: Tx,
  { stays }: State,
): Promise<ReadonlyMap<CourseVersionId, Version>> => {
  const versionIds = Object.values(stays).flatMap(({ versionId }) => versionId ?? [])
  const versions = await progress(tx).findVersions(versionIds)
  return new Map(versions.map((version) => [version.versionId, version]))
}

const readAll = async (tx: Tx, key: LearnerKey): Promise<readonly Fact[]> => {
  const facts: Fact[] = []
  for (let page = 0; page < LOG_PAGES_MAX; page += 1) {
    const read = await progress(tx).readLog(key, facts.at(-1)?.factId)
    if (read.length === 0) return facts
    facts.push(...read)
  }
  assert(false, 'a log has fewer pages')
}
