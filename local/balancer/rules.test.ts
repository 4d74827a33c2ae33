import { describe, expect, it } from '@jest/globals'
import type { Condition } from '../template/template.ts'
import type { RequestFacts } from './facts.ts'
import { lambdaRule } from './fixtures.ts'
import { compileRules } from './rules.ts'

const facts = (changes: Partial<RequestFacts> = {}): RequestFacts => ({
  method: 'GET',
  path: '/',
  query: [],
  headers: [],
  sourceIp: '127.0.0.1',
  ...changes,
})

const holds = (condition: Condition, request: Partial<RequestFacts>) =>
  compileRules([{ ...lambdaRule(), conditions: [condition] }])(facts(request)) !== undefined

describe('a path condition', () => {
  it.each([
    ['/v1/courses', '/v1/courses', true],
    ['/v1/courses', '/v1/courses/', false],
    ['/v1/courses', '/V1/courses', false],
    ['/v1/courses/*', '/v1/courses/a/b/c', true],
    ['/v1/courses/*', '/v1/courses', false],
    ['*', '/anything/at/all', true],
    ['/img?.png', '/img1.png', true],
    ['/img?.png', '/img10.png', false],
    ['/a.c', '/abc', false],
    ['/a%2Fb', '/a%2Fb', true],
    ['/a/b', '/a%2Fb', false],
    ['/a-b_$+(c)', '/a-b_$+(c)', true],
  ])('%s on %s: %p', (pattern, path, expected) => {
    expect(holds({ field: 'path', values: [pattern] }, { path })).toBe(expected)
  })

  it('holds if any of its values does', () => {
    const condition = { field: 'path', values: ['/a', '/b'] } as const
    expect(['/a', '/b', '/c'].map((path) => holds(condition, { path }))).toEqual([
      true,
      true,
      false,
    ])
  })
})

describe('other conditions', () => {
  it('compares hosts without case and port', () => {
    const condition = { field: 'host', values: ['*.example.com'] } as const
    const at = (host: string) => holds(condition, { headers: [['host', host]] })
    expect(['hub.EXAMPLE.com:8080', 'example.com', 'a.b.example.com'].map(at)).toEqual([
      true,
      false,
      true,
    ])
  })

  it('compares methods with case', () => {
    const condition = { field: 'method', values: ['GET', 'HEAD'] } as const
    expect(['GET', 'HEAD', 'get', 'POST'].map((method) => holds(condition, { method }))).toEqual([
      true,
      true,
      false,
      false,
    ])
  })

  it('finds any value of a header, without case', () => {
    const condition = { field: 'header', name: 'X-Client', values: ['web*', 'app'] } as const
    const at = (...values: string[]) =>
      holds(condition, { headers: values.map((value) => ['x-client', value] as const) })
    expect([at('WebKit'), at('other', 'app'), at('other'), at()]).toEqual([
      true,
      true,
      false,
      false,
    ])
  })

  it('finds query parameters by key and value, or by value alone', () => {
    const kind = { field: 'query', values: [{ key: 'kind', value: 'course*' }] } as const
    const any = { field: 'query', values: [{ key: undefined, value: '*x' }] } as const
    expect(holds(kind, { query: [['KIND', 'Courses']] })).toBe(true)
    expect(holds(kind, { query: [['sort', 'course']] })).toBe(false)
    expect(holds(any, { query: [['a', 'box']] })).toBe(true)
    expect(holds(any, { query: [] })).toBe(false)
  })

  it('takes a wildcard literally after a backslash', () => {
    const condition = { field: 'query', values: [{ key: 'q', value: 'a\\*' }] } as const
    expect(['a*', 'ab'].map((value) => holds(condition, { query: [['q', value]] }))).toEqual([
      true,
      false,
    ])
  })

  it('compares addresses with blocks of both families', () => {
    const condition = { field: 'source-ip', values: ['10.0.0.0/8', '2001:db8::/32'] } as const
    const at = (sourceIp: string) => holds(condition, { sourceIp })
    expect(['10.200.1.1', '11.0.0.1', '2001:db8:1::1', '2001:db9::1', ''].map(at)).toEqual([
      true,
      false,
      true,
      false,
      false,
    ])
  })
})

describe('rules', () => {
  it('are tried by priority, not by place', () => {
    const [late, early] = [
      { ...lambdaRule(), priority: 20 },
      { ...lambdaRule(), priority: 10 },
    ]
    expect(compileRules([late, early])(facts())).toBe(early)
  })

  it('need all of their conditions', () => {
    const rule = {
      ...lambdaRule(),
      conditions: [
        { field: 'path', values: ['/a'] },
        { field: 'method', values: ['GET'] },
      ] as const,
    }
    const choose = compileRules([rule])
    expect(choose(facts({ path: '/a' }))).toBe(rule)
    expect(choose(facts({ path: '/a', method: 'PUT' }))).toBeUndefined()
  })
})
