/** What a target is sent instead of the whole event, as the rule's target says (at most one of the three). */
export type TargetInput = {
  /** JSON text, whatever the event. */
  readonly input?: string | undefined
  /** The part of the event that is sent: `$.detail`. */
  readonly inputPath?: string | undefined
  readonly inputTransformer?:
    | { readonly paths: Readonly<Record<string, string>>; readonly template: string }
    | undefined
}

/**
 * The payload of a delivery.
 *
 * @throws when a path is not a plain one (`$.detail.jobId`) or a filled template is not JSON.
 */
export const payloadFor = (target: TargetInput, event: unknown): unknown => {
  if (target.input !== undefined) return JSON.parse(target.input)
  if (target.inputPath !== undefined) return valueAt(target.inputPath, event)
  if (target.inputTransformer === undefined) return event
  const { paths, template } = target.inputTransformer
  // In the template `<name>` stands for the value as JSON; a path that leads nowhere gives an empty string.
  const filled = template.replaceAll(/<([\w-]+)>/g, (_, name: string) =>
    JSON.stringify(valueAt(paths[name] ?? '', event) ?? ''),
  )
  return JSON.parse(filled)
}

const PLAIN_PATH = /^\$(\.[\w-]+)*$/

const valueAt = (path: string, event: unknown): unknown => {
  if (!PLAIN_PATH.test(path)) throw new Error(`The input path ${path} is not played here.`)
  return path
    .split('.')
    .slice(1)
    .reduce<unknown>(
      (value, key) =>
        typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined,
      event,
    )
}
