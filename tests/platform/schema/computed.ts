import type { Binding } from './binding.ts'
import type { Attribute, PrintedType } from './printed.ts'

const GETTERS: Readonly<Record<string, PrintedType>> = {
  String: 'string',
  Number: 'number',
  Boolean: 'bool',
  List: ['list', 'string'],
  NumberList: ['list', 'number'],
  StringMap: ['map', 'string'],
  BooleanMap: ['map', 'bool'],
  NumberMap: ['map', 'number'],
}

const MAPS: Readonly<Record<string, PrintedType>> = {
  NumberMap: ['map', 'number'],
  BooleanMap: ['map', 'bool'],
}

const GETTER = /return (cdktf\.Fn\.tolist\()?this\.get(\w+?)Attribute\('(\w+)'\)/g
const MEMBER = /= new (cdktf\.)?(\w+)\(this, "(\w+)"(?:, (true|false))?/g

/**
 * What a class gives and nobody can set.
 *
 * @param known names that can be set, which its writer has told already.
 */
export const computedAttributes = (
  binding: Binding,
  body: string,
  known: ReadonlySet<string>,
): Record<string, Attribute> => {
  const attributes: Record<string, Attribute> = {}
  for (const [, isSet, getter = '', name = ''] of body.matchAll(GETTER)) {
    if (known.has(name)) continue
    const type = getter === 'List' && isSet ? (['set', 'string'] as const) : GETTERS[getter]
    attributes[name] = { type: type ?? 'string', computed: true }
  }
  for (const [, isCore, className = '', name = '', isSet] of body.matchAll(MEMBER)) {
    if (known.has(name)) continue
    const type = isCore
      ? (MAPS[className] ?? (['map', 'string'] as const))
      : objectsOf(binding, { className, isSet: isSet === 'true' })
    attributes[name] = { type, computed: true }
  }
  return attributes
}

const objectsOf = (
  binding: Binding,
  { className, isSet }: { className: string; isSet: boolean },
): PrintedType => {
  const one = className.endsWith('List') ? `${className.slice(0, -4)}OutputReference` : className
  const reference = binding.classes.has(one) ? one : className
  const body = binding.classes.get(reference)?.body
  const fields = body === undefined ? {} : computedAttributes(binding, body, new Set())
  const object = [
    'object',
    Object.fromEntries(Object.entries(fields).map(([name, { type }]) => [name, type])),
  ] as const
  return className.endsWith('OutputReference') ? object : [isSet ? 'set' : 'list', object]
}
