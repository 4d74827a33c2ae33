/** Thrown when our own code broke a promise to itself. Never an answer to a caller: it becomes a 500. */
export class InvariantError extends Error {
  override readonly name = 'InvariantError'
}

/** Ends the operation with an {@link InvariantError} unless `condition` holds. For our bugs, not for bad input. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new InvariantError(message)
}

/** A value that the type system knows to be impossible arrived: a case was forgotten. */
export const unreachable = (value: never): never => {
  throw new InvariantError(`unreachable: ${JSON.stringify(value)}`)
}
