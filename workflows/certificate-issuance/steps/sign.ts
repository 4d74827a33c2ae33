import { credentialClaims } from '../../../functions/certificate/domain/credential.ts'
import { signingKeys } from '../../../functions/certificate/store/signing-keys.ts'
import { assert } from '../../../shared/kernel/assert.ts'
import type { Step } from '../../../shared/lambda/step.ts'
import { hold, type StepDeps, type StepInput } from './hold.ts'

/** Signs the credential with the key in force, once: a repeated call finds it signed. */
export const sign: Step<StepInput, void, StepDeps> = async (
  input,
  call,
  { credentials, links },
) => {
  await hold(input, call, async (certificate, tx) => {
    if (certificate.credential !== null) return certificate
    assert(certificate.snapshot, 'what is signed was taken down')
    const key = await signingKeys(tx).inForce(credentials.makeKey)
    const claims = credentialClaims(certificate, certificate.snapshot, links)
    return { ...certificate, credential: await credentials.sign(claims, key) }
  })
}
