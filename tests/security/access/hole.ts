import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from '@jest/globals'
import { exportJWK, generateKeyPair } from 'jose'
import { course } from '../../../functions/course/service.ts'
import {
  INTERNAL_TOKEN_HEADER,
  internalTokenMinter,
  internalTokenVerifier,
} from '../../../shared/auth/internal-token.ts'
import { contentContract } from '../../../shared/contracts/content.ts'
import { courseContract } from '../../../shared/contracts/course.ts'
import type { Contract } from '../../../shared/contracts/define.ts'
import { openDatabase } from '../../../shared/db/open.ts'
import { clientOf } from '../../../shared/http/client.ts'
import { type Handlers, mount } from '../../../shared/http/mount.ts'
import { systemClock } from '../../../shared/kernel/time.ts'
import { silentLog } from '../../../shared/observe/logger.ts'
import { somebody } from '../../support/door.ts'
import { memberOf } from '../world/tenant.ts'
import type { World } from '../world/world.ts'
import { askBoth, attacksOn, type Send } from './ask.ts'
import { differenceOf, leaksIn } from './judge.ts'
import { templatesOf } from './requests.ts'

/** The same questions put to a service with a hole in it: a suite that cannot fail proves nothing. */
export const describeHole = (scene: { readonly world: World }): void => {
  describe('a contract that forgets whose an operation is', () => {
    it.each([
      { scope: 'organization', isFound: false },
      { scope: 'account', isFound: true },
    ] as const)('is found out: getCourse for $scope', async ({ scope, isFound }) => {
      const { world } = scene
      const operation = { ...courseContract.operations.getCourse, scope }
      const contract: Contract = {
        ...courseContract,
        operations: { ...courseContract.operations, getCourse: operation },
      }
      const { send, close } = await courseWith(contract, world)
      try {
        const [attack] = attacksOn(templatesOf(contract, 'getCourse', operation))
        if (!attack) throw new Error('the operation takes an id')
        const { theirs, unknown } = await askBoth(attack, {
          ...{ send, token: '' },
          oursOf: (prefix) => world.ours.ids.get(prefix) ?? '',
          theirsOf: (prefix) => world.theirs.ids.get(prefix) ?? '',
        })
        const secrets = { canary: world.theirs.canary, ids: world.theirIds }
        const sent = new Set(world.theirs.ids.values())
        expect(leaksIn(theirs, secrets, sent).length > 0).toBe(isFound)
        expect(differenceOf(theirs, unknown) !== undefined).toBe(isFound)
      } finally {
        await close()
      }
    })
  })
}

/** The course service over the world's own rows, for the owner of our tenant, under another contract. */
const courseWith = async (
  contract: Contract,
  { hub, databaseUrl, ours }: World,
): Promise<{ send: Send; close: () => Promise<void> }> => {
  const keys = await generateKeyPair('EdDSA', { extractable: true })
  const mint = await internalTokenMinter({ ...(await exportJWK(keys.privateKey)), kid: 'hole' })
  const { values } = JSON.parse(await readFile(join(hub.dataDir, 'secrets.json'), 'utf8'))
  const database = openDatabase({
    ...{ url: databaseUrl, service: 'course', connectionsMax: 1 },
    password: values['database:services'],
  })
  const app = mount({
    contract,
    routes: course.routes as Handlers<Contract, unknown>,
    deps: { content: clientOf(contentContract, { baseUrl: hub.url }) },
    database,
    verifyToken: internalTokenVerifier([{ ...(await exportJWK(keys.publicKey)), kid: 'hole' }]),
    clock: systemClock,
    log: silentLog,
  })
  const { organizationId } = ours
  const { accountId } = memberOf(ours, 'owner')
  const principal = somebody('owner', { organizationId, accountId })
  const token = await mint({ kind: 'account', principal }, systemClock())
  const send: Send = async ({ path, headers, ...request }) => {
    const response = await app.fetch(
      new Request(`http://hub${path}`, {
        ...request,
        headers: { ...headers, [INTERNAL_TOKEN_HEADER]: token },
      }),
    )
    return { status: response.status, headers: response.headers, text: await response.text() }
  }
  return { send, close: () => database.close() }
}
