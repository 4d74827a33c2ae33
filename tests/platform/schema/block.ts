import { type Binding, childrenOf, type Entry, entriesOf } from './binding.ts'
import { computedAttributes } from './computed.ts'
import {
  type Attribute,
  type Block,
  type NestedBlock,
  optional,
  type PrintedType,
  required,
} from './printed.ts'

/** Where a block is written, which interface describes it, and the class that reads it back. */
type Source = {
  readonly text: string
  readonly interfaceName: string
  readonly classBody: string
}

/** The block that a writer writes, with all blocks in it and with what AWS computes. */
export const blockOf = (binding: Binding, source: Source): Block => {
  const attributes: Record<string, Attribute> = {}
  const blocks: Record<string, NestedBlock> = {}
  const entries = entriesOf(source.text)
  for (const entry of entries) {
    const isRequired = isDemanded(binding, entry, source.interfaceName)
    const nested = entry.isBlock ? nestedBlockOf(binding, entry, { source, isRequired }) : undefined
    if (nested) blocks[entry.name] = nested
    else attributes[entry.name] = attributeOf(entry, isRequired)
  }
  const known = new Set(entries.map(({ name }) => name))
  return {
    attributes: { ...attributes, ...computedAttributes(binding, source.classBody, known) },
    block_types: blocks,
  }
}

const isDemanded = ({ demanded }: Binding, { value }: Entry, interfaceName: string): boolean => {
  const property = /(?:struct\.|this\._)(\w+)/.exec(value)?.[1]
  return demanded.has(`${interfaceName}.${property}`)
}

// A block whose writer is missing is one that the bindings gave up on, which they hold as `any`.
const attributeOf = (entry: Entry, isRequired: boolean): Attribute => {
  if (entry.isBlock) return optional('string')
  const type = typeOf(entry)
  return isRequired ? required(type) : optional(type)
}

const nestedBlockOf = (
  binding: Binding,
  { name, value, kind }: Entry,
  { source, isRequired }: { source: Source; isRequired: boolean },
): NestedBlock | undefined => {
  const writer = [...value.matchAll(/(\w+)ToHclTerraform/g)]
    .map(([, found = '']) => found)
    .find((found) => binding.writers.has(found))
  if (writer === undefined) return undefined
  const interfaceName = writer.charAt(0).toUpperCase() + writer.slice(1)
  const block = blockOf(binding, {
    text: binding.writers.get(writer) ?? '',
    interfaceName,
    classBody: binding.classes.get(`${interfaceName}OutputReference`)?.body ?? '',
  })
  const child = childrenOf(source.classBody).get(name)
  const isSingle = child?.className.endsWith('OutputReference') || kind === 'struct'
  const isTimeouts = name === 'timeouts'
  return {
    nesting_mode: kind === 'struct' ? (isTimeouts ? 'single' : 'list') : kind,
    block,
    ...(isRequired && { min_items: 1 }),
    ...(child?.isComputed && { computed: true as const }),
    ...(isSingle && !isTimeouts && { max_items: 1 }),
  }
}

const PRIMITIVES: Readonly<Record<string, string>> = {
  string: 'string',
  number: 'number',
  boolean: 'bool',
  any: 'string',
}

const STORAGE = /^(string|number|boolean|any)(List|Map)?(List|Map)?$/

const typeOf = ({ kind, storage }: Entry): PrintedType => {
  if (kind === 'simple') return PRIMITIVES[storage] ?? 'string'
  const [, element = 'string', inner, outer] = STORAGE.exec(storage) ?? []
  const primitive = PRIMITIVES[element] ?? 'string'
  const collection = kind as 'list' | 'set' | 'map'
  return [collection, outer ? [inner === 'Map' ? 'map' : 'list', primitive] : primitive]
}
