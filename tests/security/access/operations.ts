import { contracts } from '../../../shared/contracts/catalogue.ts'
import type { Contract, Operation } from '../../../shared/contracts/define.ts'
import { templatesOf, titleOf } from './requests.ts'

export type Listed = {
  readonly title: string
  readonly contract: Contract
  readonly name: string
  readonly operation: Operation
}

/** Every operation of every contract. */
export const operations: readonly Listed[] = Object.values(
  contracts as Readonly<Record<string, Contract>>,
).flatMap((contract) =>
  Object.entries(contract.operations).map(([name, operation]) => ({
    ...{ contract, name, operation },
    title: titleOf({ contract, name }),
  })),
)

export const templates = ({ contract, name, operation }: Listed) =>
  templatesOf(contract, name, operation)

/** Operations whose ids are not asked with another tenant's, and why. */
export const EXEMPT: Readonly<Record<string, string>> = {
  'rbac createPlatformGrant': 'names any account of the platform: its holder stands above tenants',
  'rbac listPlatformGrants': 'lists who stands above tenants, whoever they are',
  'notification markAllRead': 'compares the id by its order alone, among the caller’s own',
  'certificate getIssuerKey': 'one issuer signs for everybody; its keys are public',
  'certificate verifyCertificate': 'whoever holds a certificate’s id may verify it: public',
  'certificate showCertificatePage': 'whoever holds a certificate’s id may verify it: public',
}
