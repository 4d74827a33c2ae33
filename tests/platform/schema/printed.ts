/** What `tofu providers schema -json` prints, as far as the stand-in needs it. */

/** `"string"`, `["list", T]` or `["object", {name: T}]`. */
export type PrintedType =
  | string
  | readonly ['list' | 'set' | 'map', PrintedType]
  | readonly ['object', Readonly<Record<string, PrintedType>>]

export type Attribute = {
  readonly type: PrintedType
  readonly required?: true
  readonly optional?: true
  readonly computed?: true
}

export type NestedBlock = {
  readonly nesting_mode: string
  readonly block: Block
  readonly min_items?: number
  readonly max_items?: number
  readonly computed?: true
}

export type Block = {
  readonly attributes: Record<string, Attribute>
  readonly block_types: Record<string, NestedBlock>
}

export const required = (type: PrintedType): Attribute => ({ type, required: true })

/** What may be set, and is known only to AWS where it is not: the bindings do not tell the two apart. */
export const optional = (type: PrintedType): Attribute => ({
  type,
  optional: true,
  computed: true,
})
