/** A value that nobody changes, all the way down: answers and events only pass through. */
export type DeepReadonly<Value> = Value extends (infer Item)[]
  ? readonly DeepReadonly<Item>[]
  : Value extends readonly (infer Item)[]
    ? readonly DeepReadonly<Item>[]
    : Value extends string | number | boolean | bigint | null | undefined
      ? Value
      : Value extends object
        ? { readonly [Key in keyof Value]: DeepReadonly<Value[Key]> }
        : Value

type Given<Fields> = { [Name in keyof Fields]: Exclude<Fields[Name], undefined> }

/** Only the fields that were sent: in a PATCH, absent means "leave it", and `undefined` means absent. */
export const given = <Fields extends object>(fields: Fields): Given<Fields> =>
  Object.fromEntries(
    Object.entries(fields).filter(([, value]) => value !== undefined),
  ) as Given<Fields>
