import { BlockList, isIP } from 'node:net'
import type { Condition, TargetGroup } from '../template/template.ts'
import { headerValues, type RequestFacts } from './facts.ts'

/** A listener rule: to a Lambda target group, or to a plain HTTP server. */
export type Rule = LambdaRule | ForwardRule

export type LambdaRule = {
  readonly priority: number
  readonly conditions: readonly Condition[]
  readonly targetGroup: TargetGroup
}

export type ForwardRule = {
  readonly priority: number
  readonly conditions: readonly Condition[]
  /** `http://host:port`; the request's own path is kept. */
  readonly url: string
}

type Test = (facts: RequestFacts) => boolean

/** Gives the chooser of the first rule, by priority, whose conditions all hold. */
export function compileRules(rules: readonly Rule[]): (facts: RequestFacts) => Rule | undefined {
  const compiled = [...rules]
    .sort((a, b) => a.priority - b.priority)
    .map((rule) => ({ rule, tests: rule.conditions.map(compileCondition) }))
  return (facts) => compiled.find(({ tests }) => tests.every((test) => test(facts)))?.rule
}

/**
 * Case matters in paths and methods and nowhere else; only methods and addresses have no wildcards.
 */
function compileCondition(condition: Condition): Test {
  switch (condition.field) {
    case 'path': {
      const test = anyWildcard(condition.values, 's')
      return (facts) => test(facts.path)
    }
    case 'host': {
      const test = anyWildcard(condition.values, 'is')
      return (facts) => headerValues(facts, 'host').some((host) => test(host.replace(/:\d+$/, '')))
    }
    case 'method':
      return (facts) => condition.values.includes(facts.method)
    case 'header': {
      const name = condition.name.toLowerCase()
      const test = anyWildcard(condition.values, 'is')
      return (facts) => headerValues(facts, name).some(test)
    }
    case 'query': {
      const tests = condition.values.map(({ key, value }) => {
        const keyTest = key === undefined ? () => true : anyWildcard([key], 'is')
        const valueTest = anyWildcard([value], 'is')
        return (pair: readonly [string, string]) => keyTest(pair[0]) && valueTest(pair[1])
      })
      return (facts) => facts.query.some((pair) => tests.some((test) => test(pair)))
    }
    case 'source-ip':
      return addressTest(condition.values)
  }
}

/**
 * `*` is any run, also across slashes, and `?` any one character; a backslash takes their meaning.
 */
function anyWildcard(patterns: readonly string[], flags: string): (text: string) => boolean {
  const expressions = patterns.map((pattern) => {
    const source = pattern.replace(/\\[*?\\]|[*?]|[.+^${}()|[\]\\/-]/g, (found) => {
      if (found === '*') return '.*'
      if (found === '?') return '.'
      return found.length === 2 ? found : `\\${found}`
    })
    return new RegExp(`^${source}$`, flags)
  })
  return (text) => expressions.some((expression) => expression.test(text))
}

function addressTest(cidrs: readonly string[]): Test {
  const list = new BlockList()
  for (const cidr of cidrs) {
    const [address = '', bits = ''] = cidr.split('/')
    list.addSubnet(address, Number(bits), isIP(address) === 6 ? 'ipv6' : 'ipv4')
  }
  return ({ sourceIp }) => {
    const family = isIP(sourceIp)
    // A connection that has just broken has no address any more.
    return family !== 0 && list.check(sourceIp, family === 6 ? 'ipv6' : 'ipv4')
  }
}
