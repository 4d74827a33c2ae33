/*
 * The names that Retry and Catch of `state-machine.asl.json` match. Those with a reason end the
 * run: the reason
 * travels as `<code>: <sentence>` in the message, because a caught error is no more than a name
 * and a text.
 */

/** The input is at fault: trying again would not help. */
export class VideoRejected extends Error {
  override readonly name = 'VideoRejected'

  constructor(reasonCode: string, sentence: string) {
    super(`${reasonCode}: ${sentence}`)
  }
}

/** The encoder gave up, though nothing is known to be wrong with the input. */
export class EncodingFailed extends Error {
  override readonly name = 'EncodingFailed'

  constructor(reasonCode: string, sentence: string) {
    super(`${reasonCode}: ${sentence}`)
  }
}

/** What was encoded is not what was asked for. */
export class OutputBroken extends Error {
  override readonly name = 'OutputBroken'

  constructor(reasonCode: string, sentence: string) {
    super(`${reasonCode}: ${sentence}`)
  }
}

/**
 * The run is not this execution's (any more): it was cancelled, failed or taken over. Nothing is
 * left to do.
 */
export class LeaseLost extends Error {
  override readonly name = 'LeaseLost'
}

/** The transaction that started this execution has not been committed yet. */
export class NotYetRecorded extends Error {
  override readonly name = 'NotYetRecorded'
}

/** Captions were attached or removed since the playlists were written. */
export class CaptionsChanged extends Error {
  override readonly name = 'CaptionsChanged'
}
