/**
 * One generated binding, taken apart as text: its classes, the functions that write blocks, and which properties its
 * interfaces demand. The generator's output is regular, so patterns over lines read it whole.
 */
export type Binding = {
  readonly classes: ReadonlyMap<string, { readonly base: string; readonly body: string }>
  /** `<Name>ToHclTerraform`, by the name with a small first letter. */
  readonly writers: ReadonlyMap<string, string>
  /** `<Interface>.<property>` of what must be given. */
  readonly demanded: ReadonlySet<string>
}

const INTERFACE = /^export interface (\w+)[^{]*\{\n([\s\S]*?)^\}/gm
const PROPERTY = /^\s+readonly (\w+)(\??):/gm
const CLASS = /^class (\w+) extends cdktf\.(\w+) \{\n([\s\S]*?)^\}/gm
const WRITER = /^function (\w+)ToHclTerraform\(struct\) \{\n([\s\S]*?)^\}/gm

export const readBinding = ({ code, types }: { code: string; types: string }): Binding => ({
  classes: new Map(
    [...code.matchAll(CLASS)].map(([, name = '', base = '', body = '']) => [name, { base, body }]),
  ),
  writers: new Map([...code.matchAll(WRITER)].map(([, name = '', body = '']) => [name, body])),
  demanded: new Set(
    [...types.matchAll(INTERFACE)].flatMap(([, owner, body = '']) =>
      [...body.matchAll(PROPERTY)]
        .filter(([, , mark]) => mark === '')
        .map(([, name]) => `${owner}.${name}`),
    ),
  ),
})

/** What a writer says of one attribute or block. */
export type Entry = {
  readonly name: string
  /** The expression that it takes the value from. */
  readonly value: string
  readonly isBlock: boolean
  /** `simple`, `list`, `set`, `map` or `struct`. */
  readonly kind: string
  readonly storage: string
}

const ENTRY =
  /^\s+(\w+): \{\n\s+value: (.*),\n\s+isBlock: (true|false),\n\s+type: "(\w+)",\n\s+storageClassType: "(\w+)",\n/gm

export const entriesOf = (text: string): readonly Entry[] =>
  [...text.matchAll(ENTRY)].map(([, name = '', value = '', isBlock, kind = '', storage = '']) => ({
    ...{ name, value, kind, storage },
    isBlock: isBlock === 'true',
  }))

const CHILD =
  /(?:computed: (true|false), optional: (?:true|false), required: (?:true|false)\n\s+this\._\w+ )?= new (\w+)\(this, "(\w+)"/g

/** The blocks that a class holds, by their names in HCL. */
export const childrenOf = (
  body: string,
): ReadonlyMap<string, { readonly className: string; readonly isComputed: boolean }> =>
  new Map(
    [...body.matchAll(CHILD)].map(([, isComputed, className = '', name = '']) => [
      name,
      { className, isComputed: isComputed === 'true' },
    ]),
  )
