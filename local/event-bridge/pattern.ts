/**
 * An event pattern of EventBridge:
 * https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-patterns.html
 */
export type Pattern = { readonly [field: string]: Pattern | readonly Condition[] }

type Comparison = '<' | '<=' | '=' | '>' | '>='
type Scalar = string | number | boolean | null
export type Condition =
  | Scalar
  | { readonly prefix: string }
  | { readonly suffix: string }
  | { readonly exists: boolean }
  | { readonly 'equals-ignore-case': string }
  | { readonly 'anything-but': Scalar | readonly Scalar[] | { readonly prefix: string } }
  | { readonly numeric: readonly (Comparison | number)[] }

/**
 * Whether every field of the pattern is met. A field of the event that is an array meets a field of
 * the pattern if one of its items does; fields that the pattern does not name do not matter.
 */
export function matches(pattern: Pattern, event: unknown): boolean {
  return Object.entries(pattern).every(([field, wanted]) => {
    const value = isObject(event) && Object.hasOwn(event, field) ? event[field] : undefined
    if (isConditions(wanted)) return wanted.some((condition) => meets(condition, value))
    return Array.isArray(value)
      ? value.some((item) => matches(wanted, item))
      : matches(wanted, value)
  })
}

/** @throws naming the place of the first thing in a pattern that is not played here. */
export function checkPattern(pattern: unknown, at = 'pattern'): asserts pattern is Pattern {
  if (!isObject(pattern) || Object.keys(pattern).length === 0) {
    throw new Error(`${at} must be an object with fields`)
  }
  for (const [field, wanted] of Object.entries(pattern)) {
    if (!Array.isArray(wanted)) checkPattern(wanted, `${at}.${field}`)
    else for (const condition of wanted) checkCondition(condition, `${at}.${field}`)
  }
}

const KINDS = ['prefix', 'suffix', 'exists', 'equals-ignore-case', 'anything-but', 'numeric']

function checkCondition(condition: unknown, at: string): void {
  if (!isObject(condition)) return
  const [kind = '', ...more] = Object.keys(condition)
  if (!KINDS.includes(kind) || more.length > 0) {
    throw new Error(`${at}: ${JSON.stringify(condition)} is not played here`)
  }
}

function meets(condition: Condition, value: unknown): boolean {
  if (isObject(condition) && 'exists' in condition) {
    // Only leaves exist for EventBridge: an object is no value.
    return condition.exists === (value !== undefined && !isObject(value))
  }
  if (Array.isArray(value)) return value.some((item) => meets(condition, item))
  if (value === undefined || isObject(value)) return false
  return isObject(condition) ? meetsOperator(condition, value) : condition === value
}

function meetsOperator(condition: Exclude<Condition, Scalar>, value: unknown): boolean {
  if ('prefix' in condition) return typeof value === 'string' && value.startsWith(condition.prefix)
  if ('suffix' in condition) return typeof value === 'string' && value.endsWith(condition.suffix)
  if ('equals-ignore-case' in condition) {
    return (
      typeof value === 'string' &&
      value.toLowerCase() === condition['equals-ignore-case'].toLowerCase()
    )
  }
  if ('anything-but' in condition) return isAnythingBut(condition['anything-but'], value)
  if ('numeric' in condition) return meetsNumeric(condition.numeric, value)
  return false
}

type AnythingBut = Extract<Condition, { 'anything-but': unknown }>['anything-but']

function isAnythingBut(refused: AnythingBut, value: unknown): boolean {
  if (isObject(refused)) return typeof value === 'string' && !value.startsWith(refused.prefix)
  return Array.isArray(refused) ? !refused.includes(value as Scalar) : refused !== value
}

function meetsNumeric(terms: readonly (Comparison | number)[], value: unknown): boolean {
  if (typeof value !== 'number') return false
  for (let index = 0; index < terms.length; index += 2) {
    if (!compares(value, terms[index], Number(terms[index + 1]))) return false
  }
  return true
}

function compares(value: number, comparison: unknown, bound: number): boolean {
  switch (comparison) {
    case '<':
      return value < bound
    case '<=':
      return value <= bound
    case '=':
      return value === bound
    case '>':
      return value > bound
    case '>=':
      return value >= bound
    default:
      return false
  }
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const isConditions = (wanted: Pattern | readonly Condition[]): wanted is readonly Condition[] =>
  Array.isArray(wanted)
