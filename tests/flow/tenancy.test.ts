import { join } from 'node:path'
import { beforeAll, describe, expect, it } from '@jest/globals'
import { openApi } from '../../local/demo/api.ts'
import { type Played, playMainJob } from '../../local/demo/main-job.ts'
import { silentNarrator } from '../../local/demo/narrator.ts'
import { meet, type Person } from '../../local/demo/people.ts'
import { until } from '../../local/demo/until.ts'
import { SAMPLE_ADMIN_EMAIL } from '../../local/hub/hub.ts'
import { authContract } from '../../shared/contracts/auth.ts'
import { contracts } from '../../shared/contracts/catalogue.ts'
import { type Contract, type Operation, pathOf } from '../../shared/contracts/define.ts'
import { organizationContract } from '../../shared/contracts/organization.ts'
import { validSample } from '../support/arbitrary.ts'
import { root, useHub } from './hub.ts'

// Everything that exists in one organisation, asked for by every role of another one, through every operation that names
// it: the answer is that there is no such thing, and nothing of it is told.

const running = useHub({ RATE_DEFAULT: '100000', RATE_WRITE: '100000', RATE_SENSITIVE: '10000' })

type Stranger = { readonly role: string; readonly token: string }

let played: Played
let strangers: readonly Stranger[]
/** Ids of the first organisation by prefix, as its own people see them. */
let theirs: ReadonlyMap<string, readonly string[]>

beforeAll(async () => {
  const { url } = running.hub
  played = await playMainJob({
    url,
    video: join(root, 'local', 'sample', 'bigbuckbunny.mp4'),
    adminEmail: SAMPLE_ADMIN_EMAIL,
    narrate: silentNarrator,
  })
  const ids = idsOf(await running.hub.log())
  // The admin also founds the other organisation, and is known there; the learner is not.
  const learner = played.people.find(({ role }) => role === 'learner')
  theirs = new Map([...ids, ['acc', [learner?.accountId ?? '']]])
  strangers = await makeStrangers(url)
}, 180_000)

/** Another organisation with an owner, an instructor and a learner of its own. */
const makeStrangers = async (url: string): Promise<readonly Stranger[]> => {
  const api = openApi(url)
  const admin = played.people.find(({ role }) => role === 'platform admin')
  if (!admin) throw new Error('the demo has an admin')
  const organization = await admin.api.call(organizationContract, 'createOrganization', {
    body: { name: 'Elsewhere' },
  })
  const { organizationId } = organization
  const roles = ['owner', 'instructor', 'learner'] as const
  return Promise.all(
    roles.map(async (role) => {
      const person = await meet(
        { api, url },
        { name: `Eve ${role}`, email: `eve-${role}@else.localhost` },
      )
      await invite(admin, person, { organizationId, role })
      const { accessToken } = await until('the membership to be known', () =>
        person.api
          .call(authContract, 'switchOrganization', { body: { organizationId } })
          .catch(() => undefined),
      )
      return { role, token: accessToken }
    }),
  )
}

const invite = async (
  admin: Person,
  person: Person,
  { organizationId, role }: { organizationId: string; role: 'owner' | 'instructor' | 'learner' },
) => {
  const { accessToken } = await until('the organisation to be known', () =>
    admin.api
      .call(authContract, 'switchOrganization', {
        body: { organizationId: organizationId as never },
      })
      .catch(() => undefined),
  )
  await until('the admin to be its owner', () =>
    admin.api
      .as(accessToken)
      .call(organizationContract, 'createInvitation', {
        params: { organizationId: organizationId as never },
        body: { email: person.email, role },
      })
      .catch(() => undefined),
  )
  const token = await until('the invitation', async () => {
    const mails = await fetch(`${running.hub.url}/_hub/mail.json?to=${person.email}`)
    return /\/join\?token=([\w.~-]+)/.exec(await mails.text())?.[1]
  })
  await until('the invitation to be accepted', () =>
    person.api
      .call(organizationContract, 'acceptInvitation', { body: { token } })
      .catch(() => undefined),
  )
}

/** What the hub itself has named while it worked: every id in its log. */
const idsOf = (log: string): ReadonlyMap<string, readonly string[]> => {
  const ids = new Set(log.match(/\b[a-z]{3}_[0-9a-f]{32}\b/g))
  return Map.groupBy(ids, (id) => id.slice(0, 3))
}

const targets = Object.values(contracts as Record<string, Contract>).flatMap((contract) =>
  Object.entries(contract.operations)
    .filter(
      ([, { scope, path }]) => /^(organization|course)$/.test(scope) && /\{\w+Id\}/.test(path),
    )
    .map(([name, operation]) => ({
      contract,
      name,
      operation,
      title: `${contract.service} ${name}`,
    })),
)

describe.each(targets)('$title', ({ contract, operation }) => {
  it('does not exist for any role of another organisation', async () => {
    for (const { role, token } of strangers) {
      const answer = await ask(contract, operation, token)
      expect({ role, isHidden: [403, 404].includes(answer.status), answer }).toMatchObject({
        role,
        isHidden: true,
      })
      for (const name of ['Film editing', 'Irene', 'Leo']) expect(answer.text).not.toContain(name)
      if (answer.status === 403) expect(answer.text).toContain('access.denied')
    }
  })
})

const ask = async (contract: Contract, operation: Operation, token: string) => {
  const params = (operation.params ? validSample(operation.params) : {}) as Record<string, unknown>
  const path = pathOf(contract, operation).replaceAll(/\{(\w+)\}/g, (_, name: string) =>
    theirsInstead(String(params[name])),
  )
  const response = await fetch(`${running.hub.url}${path}`, {
    method: operation.method,
    headers: {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      ...(operation.ifMatch && { 'if-match': '"1"' }),
    },
    ...(operation.body && { body: JSON.stringify(validSample(operation.body)) }),
    redirect: 'manual',
  })
  return { status: response.status, text: await response.text() }
}

/** A real id of the first organisation in the place of a made-up one of the same kind. */
const theirsInstead = (sample: string): string => {
  const isId = /^[a-z]{3}_[0-9a-f]{32}$/.test(sample)
  return (isId && theirs.get(sample.slice(0, 3))?.[0]) || sample
}
