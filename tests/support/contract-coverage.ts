import { type Contract, pathOf } from '../../shared/contracts/define.ts'

type Seen = { readonly status: number; readonly text: string }

/**
 * Counts what the calls of a test file have shown of a contract: every operation succeeding, every refusal that
 * it declares. Whatever is `*.unavailable` needs another service to be away and is proven where it is made.
 */
export const contractCoverage = (contract: Contract) => {
  const operations = Object.entries(contract.operations).map(([name, operation]) => ({
    name,
    method: operation.method,
    pattern: new RegExp(`^${pathOf(contract, operation).replaceAll(/\{\w+\}/g, '[^/]+')}$`),
    isLiteral: !operation.path.includes('{'),
    errors: operation.errors.filter((code) => !code.endsWith('.unavailable')),
  }))
  const succeeded = new Set<string>()
  const refused = new Set<string>()
  return {
    note(method: string, url: string, { status, text }: Seen): void {
      const path = url.split('?')[0] ?? ''
      const matching = operations.filter((one) => one.method === method && one.pattern.test(path))
      const operation = matching.find(({ isLiteral }) => isLiteral) ?? matching[0]
      if (!operation) return
      if (status < 400) succeeded.add(operation.name)
      for (const code of operation.errors)
        if (status >= 400 && text.includes(`"${code}"`)) refused.add(`${operation.name} ${code}`)
    },
    uncovered: (): readonly string[] =>
      operations.flatMap(({ name, errors }) => [
        ...(succeeded.has(name) ? [] : [`${name} succeeds`]),
        ...errors.map((code) => `${name} ${code}`).filter((refusal) => !refused.has(refusal)),
      ]),
  }
}
