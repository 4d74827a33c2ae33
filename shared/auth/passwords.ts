import { argon2, randomBytes, timingSafeEqual } from 'node:crypto'
import { assert } from '../kernel/assert.ts'

/** OWASP Password Storage: argon2id with 19 MiB and 2 passes (30 ms here). */
export const PASSWORD_COST: PasswordCost = { memoryKib: 19 * 1_024, passes: 2, parallelism: 1 }

export type PasswordCost = {
  readonly memoryKib: number
  readonly passes: number
  readonly parallelism: number
}

export type Passwords = {
  /** A PHC string with a salt of its own. */
  hash(password: string): Promise<string>
  /**
   * Costs one hash in any case: with `stored` undefined (nobody has the address) it never matches and takes as long.
   *
   * @returns `isStale` when the hash was made with other costs and should be made again.
   */
  verify(
    password: string,
    stored: string | undefined,
  ): Promise<{ readonly matches: boolean; readonly isStale: boolean }>
}

const SALT_BYTES = 16
const TAG_BYTES = 32

export const argon2idPasswords = (cost: PasswordCost = PASSWORD_COST): Passwords => ({
  async hash(password) {
    const salt = randomBytes(SALT_BYTES)
    return toPhc({ ...cost, salt, tag: await digest(password, { ...cost, salt }) })
  },

  async verify(password, stored) {
    if (stored === undefined) {
      await digest(password, { ...cost, salt: randomBytes(SALT_BYTES) })
      return { matches: false, isStale: false }
    }
    const { tag, ...made } = fromPhc(stored)
    return {
      matches: timingSafeEqual(await digest(password, made), tag),
      isStale:
        made.memoryKib !== cost.memoryKib ||
        made.passes !== cost.passes ||
        made.parallelism !== cost.parallelism,
    }
  },
})

// NFKC, so that one password typed on two keyboards is one (NIST SP 800-63B section 5.1.1.2).
const digest = (
  password: string,
  { memoryKib, passes, parallelism, salt }: PasswordCost & { readonly salt: Buffer },
): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    argon2(
      'argon2id',
      {
        message: password.normalize('NFKC'),
        nonce: salt,
        memory: memoryKib,
        passes,
        parallelism,
        tagLength: TAG_BYTES,
      },
      (error, tag) => (error ? reject(error) : resolve(tag)),
    )
  })

type Made = PasswordCost & { readonly salt: Buffer; readonly tag: Buffer }

const PHC = /^\$argon2id\$v=19\$m=(\d+),t=(\d+),p=(\d+)\$([\w+/]+)\$([\w+/]+)$/

const toPhc = ({ memoryKib, passes, parallelism, salt, tag }: Made): string =>
  `$argon2id$v=19$m=${memoryKib},t=${passes},p=${parallelism}$${unpadded(salt)}$${unpadded(tag)}`

const fromPhc = (phc: string): Made => {
  const [, memoryKib, passes, parallelism, salt = '', tag = ''] = PHC.exec(phc) ?? []
  assert(memoryKib, 'a stored password is an argon2id PHC string')
  return {
    memoryKib: Number(memoryKib),
    passes: Number(passes),
    parallelism: Number(parallelism),
    salt: Buffer.from(salt, 'base64'),
    tag: Buffer.from(tag, 'base64'),
  }
}

const unpadded = (bytes: Buffer): string => bytes.toString('base64').replace(/=+$/, '')
