import { setTimeout } from 'node:timers/promises'
import { beforeAll, describe, expect, it } from '@jest/globals'
import { builtInRoles } from '../../../shared/contracts/roles.ts'
import { eventually } from '../../support/eventually.ts'
import { say } from '../report.ts'
import { changesBetween, type Row } from '../world/rows.ts'
import type { World } from '../world/world.ts'
import { type Attack, askBoth, attacksOn, idOf, sendTo } from './ask.ts'
import { type Answer, differenceOf, isConclusive, leaksIn } from './judge.ts'
import { EXEMPT, operations, templates } from './operations.ts'
import { fill } from './requests.ts'

const targets = operations
  .filter(({ title }) => !(title in EXEMPT))
  .map((listed) => ({ ...listed, attacks: attacksOn(templates(listed)) }))

const attacked = targets.filter(({ attacks }) => attacks.length > 0)
const lists = targets.filter(
  ({ operation, attacks }) => operation.method === 'GET' && attacks.length === 0,
)

/**
 * Every operation x every role x every id of another tenant. An id of theirs must be answered as one that nobody has;
 * nothing of theirs is told, and none of their rows changes.
 */
export const describeTenants = (scene: { readonly world: World }): void => {
  describe('the two tenants', () => {
    it('have somebody for every built-in role', () => {
      const roles = scene.world.ours.members.map(({ role }) => role)
      expect(roles.toSorted()).toEqual(Object.keys(builtInRoles).toSorted())
    })

    it('have a thing of every kind that an operation takes the id of', () => {
      const { ours, theirs, theirIds } = scene.world
      const positions = attacked.flatMap(({ attacks }) =>
        attacks.flatMap(({ template }) => template.positions),
      )
      const prefixes = [...new Set(positions.map(({ prefix }) => prefix))]
      expect(prefixes.length).toBeGreaterThan(20)
      expect(prefixes.filter((prefix) => !idOf(theirs, theirIds, prefix))).toEqual([])
      // An id of ours is right in every place but the one that is asked about.
      const ourOwn = prefixes.filter((prefix) => !ours.ids.has(prefix))
      expect(ourOwn.toSorted()).toEqual(WITHOUT_OURS.toSorted())
    })

    it('cover every operation of the contracts', () => {
      const without = targets.filter(({ attacks }) => attacks.length === 0)
      say(
        `${attacked.length} operations by id, ${lists.length} lists, ` +
          `${without.length - lists.length} that neither take an id nor read, ` +
          `${Object.keys(EXEMPT).length} exempt, of ${operations.length}`,
      )
      expect(attacked.length + without.length + Object.keys(EXEMPT).length).toBe(operations.length)
      expect(
        Object.keys(EXEMPT).filter((title) => !operations.some((one) => one.title === title)),
      ).toEqual([])
    })
  })

  let rowsBefore: readonly Row[]
  beforeAll(async () => {
    // What they did themselves has come to its end: their mail is sent, and nothing more happens by itself.
    await eventually(
      async () => {
        rowsBefore = await scene.world.theirRows()
        expect(rowsBefore.filter(isMailOnItsWay)).toEqual([])
        await setTimeout(STILL_MS)
        expect(await scene.world.theirRows()).toEqual(rowsBefore)
      },
      { timeoutMs: QUIET_TIMEOUT_MS },
    )
  }, QUIET_TIMEOUT_MS)

  describe.each(attacked)('$title', ({ attacks }) => {
    it.each(attacks)('answers another tenant’s $title as one that nobody has', (attack) =>
      attackAll(scene.world, attack),
    )
  })

  describe.each(lists)('$title', (listed) => {
    it('shows nothing of another tenant', async () => {
      const { hub, ours, theirs, theirIds } = scene.world
      const send = sendTo(hub.url)
      for (const template of templates(listed)) {
        const words = Object.entries(template.query).map(([name, value]) => [
          name,
          theirs.words.get(name) ?? value,
        ])
        const query = Object.fromEntries(words)
        const params = Object.fromEntries(
          Object.entries(template.params).map(([name, value]) => [
            name,
            theirs.words.get(name) ?? value,
          ]),
        )
        const seen = await Promise.all(
          ours.members.map(({ accessToken }) =>
            send(
              fill({ ...template, query, params }, ({ prefix }) => prefix),
              accessToken,
            ),
          ),
        )
        const secrets = { canary: theirs.canary, ids: theirIds }
        const sent = new Set(Object.values(query).concat(Object.values(params)).map(String))
        expect(seen.flatMap((answer) => leaksIn(withoutEcho(answer, sent), secrets))).toEqual([])
      }
    })
  })

  describe('after all of that', () => {
    it('no row of theirs has changed', async () => {
      const after = await scene.world.theirRows()
      expect(rowsBefore.length).toBeGreaterThan(50)
      expect(changesBetween(rowsBefore, after, scene.world.ours.organizationId)).toEqual([])
    })
  })
}

const QUIET_TIMEOUT_MS = 60_000
/** Longer than a mail or an event is on its way. */
const STILL_MS = 1_500

const isMailOnItsWay = (row: Row): boolean =>
  row.startsWith('notification.deliveries') && row.includes('"ended_at":null')

/** Kinds that nobody needs an own one of: what is asked about is the only id of its kind, or is made up anew. */
const WITHOUT_OURS = ['blk', 'cat', 'mod', 'ntf', 'opt', 'ses']

const attackAll = async (world: World, attack: Attack): Promise<void> => {
  const { hub, ours, theirs, theirIds } = world
  const send = sendTo(hub.url)
  const oursOf = (prefix: string) => ours.ids.get(prefix) ?? `${prefix}_${'0'.repeat(32)}`
  const theirsOf = (prefix: string) => idOf(theirs, theirIds, prefix) ?? ''
  const sent = new Set(attack.template.positions.map(({ prefix }) => theirsOf(prefix)))
  const seen: { role: string; theirs: Answer; unknown: Answer }[] = []
  // One after the other: of two that change the same thing at once, one would only learn that it is late.
  for (const { role, accessToken: token } of ours.members)
    seen.push({ role, ...(await askBoth(attack, { send, token, oursOf, theirsOf })) })
  const secrets = { canary: theirs.canary, ids: theirIds }
  const complaints = seen.flatMap(({ role, theirs: answer, unknown }) =>
    [...leaksIn(answer, secrets, sent), differenceOf(answer, unknown)]
      .filter((complaint) => complaint !== undefined)
      .map((complaint) => `${role}: ${complaint}`),
  )
  expect(complaints).toEqual([])
  // Somebody got past syntax and preconditions, or nothing has been asked at all.
  const stopped = seen.map(({ role, unknown }) => `${role}: ${unknown.text.slice(0, 300)}`)
  const isReached = seen.some(({ unknown }) => isConclusive(unknown))
  expect(isReached ? [] : stopped).toEqual([])
}

/** A refusal names what was asked for: that is no news to who asked. */
const withoutEcho = (answer: Answer, sent: ReadonlySet<string>): Answer => {
  if (answer.status < 400) return answer
  let { text } = answer
  for (const word of sent) text = text.replaceAll(word, '')
  return { ...answer, text }
}
