import { at, type InstantColumn, type JsonColumn, json } from '../../../shared/db/columns.ts'
import type { Tx } from '../../../shared/db/transaction.ts'
import { assert } from '../../../shared/kernel/assert.ts'
import type { Id } from '../../../shared/kernel/id.ts'
import { nextKeyFrom, retiredKeys, signingKeyAt } from '../../../shared/kernel/key-rotation.ts'
import type { Instant } from '../../../shared/kernel/time.ts'
import { KEY_ROTATION } from '../domain/signing-key.ts'

/** A public Ed25519 key as the key set shows it (RFC 8037). */
export type PublicJwk = {
  readonly kty: 'OKP'
  readonly crv: 'Ed25519'
  readonly x: string
  /** An address that leads to this very key. */
  readonly kid: string
  readonly alg: 'EdDSA'
  readonly use: 'sig'
}

/** A signing key at rest; the private part is sealed, and gone once the key is retired. */
export type SigningKey = {
  readonly keyId: Id<'signingKey'>
  readonly publicJwk: PublicJwk
  readonly privateSealed: string | null
}

export type DatedSigningKey = SigningKey & { readonly activeFrom: Instant }

/** Two a year, for ever: enough for five hundred years. */
const SIGNING_KEYS_MAX = 1_000

export const signingKeys = (tx: Tx) => {
  const db = tx.tables<Tables>()

  const list = (): Promise<DatedSigningKey[]> =>
    db
      .selectFrom('signingKeys')
      .selectAll()
      .orderBy('activeFrom', 'desc')
      .limit(SIGNING_KEYS_MAX)
      .execute()

  /**
   * Makes the coming key when it is time and destroys the private parts of those that sign no more; whoever comes
   * first, the others wait.
   */
  const turn = async (makeKey: () => Promise<SigningKey>): Promise<DatedSigningKey[]> => {
    await db.selectFrom('keyRing').select('single').forUpdate().executeTakeFirstOrThrow()
    const keys = await list()
    const activeFrom = nextKeyFrom(keys, KEY_ROTATION, tx.now)
    if (activeFrom !== undefined) {
      const { publicJwk, ...key } = await makeKey()
      await db
        .insertInto('signingKeys')
        .values({ ...key, publicJwk: json(publicJwk), activeFrom: at(activeFrom) })
        .execute()
    }
    for (const { keyId } of retiredKeys(keys, KEY_ROTATION, tx.now))
      await db
        .updateTable('signingKeys')
        .set({ privateSealed: null })
        .where('keyId', '=', keyId)
        .where('privateSealed', 'is not', null)
        .execute()
    return list()
  }

  return {
    /** Every key that has ever signed, and the coming one; youngest first. */
    list,
    turn,

    /** As `list`; the very first key is made here, once, whoever comes first. */
    async published(makeKey: () => Promise<SigningKey>): Promise<DatedSigningKey[]> {
      const keys = await list()
      return signingKeyAt(keys, tx.now) ? keys : turn(makeKey)
    },

    async find(keyId: Id<'signingKey'>): Promise<DatedSigningKey | undefined> {
      return db.selectFrom('signingKeys').selectAll().where('keyId', '=', keyId).executeTakeFirst()
    },

    /** The key that signs now; the very first is made here. */
    async inForce(makeKey: () => Promise<SigningKey>): Promise<DatedSigningKey> {
      const key = signingKeyAt(await this.published(makeKey), tx.now)
      assert(key, 'a key is in force')
      return key
    },
  }
}

type Tables = {
  signingKeys: {
    keyId: Id<'signingKey'>
    publicJwk: JsonColumn<PublicJwk>
    privateSealed: string | null
    activeFrom: InstantColumn
  }
  keyRing: { single: boolean }
}
