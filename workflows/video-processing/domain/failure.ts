import * as z from 'zod'
import type { Failure } from '../../../functions/video-processing/domain/processing.ts'
import { EncodingFailed, VideoRejected } from '../errors.ts'

/**
 * What Catch hands over. For a function, `Cause` is the JSON of its error; for a job, of the job.
 */
export const caughtSchema = z.object({ Error: z.string(), Cause: z.string().default('') })
export type Caught = z.output<typeof caughtSchema>

const lambdaErrorSchema = z.object({ errorMessage: z.string() })
const jobSchema = z.object({
  Status: z.string().optional(),
  ErrorCode: z.number().optional(),
  ErrorMessage: z.string().default(''),
})

const GENERAL: Failure = {
  reasonCode: 'processing_failed',
  reason: 'Processing failed for a reason that is ours. Please try again.',
}

const WITH_REASON = ['VideoRejected', 'EncodingFailed', 'OutputBroken']

/** Why a run failed, in words for the person who uploaded the video. */
export const failureOf = ({ Error: name, Cause }: Caught): Failure => {
  if (name === 'States.Timeout')
    return {
      reasonCode: 'took_too_long',
      reason: 'Processing took longer than it may and was stopped.',
    }
  if (!WITH_REASON.includes(name)) return GENERAL
  const message = lambdaErrorSchema.safeParse(parsed(Cause)).data?.errorMessage ?? ''
  const { reasonCode, reason } =
    /^(?<reasonCode>[a-z_]+): (?<reason>.+)$/s.exec(message)?.groups ?? {}
  return reasonCode && reason ? { reasonCode, reason } : GENERAL
}

/**
 * MediaConvert's codes that its documentation calls temporary or internal, besides those of a read
 * or write that
 * failed: 1999 and its like are worth another attempt.
 */
const TRANSIENT_CODES = new Set([1_515, 1_517, 1_522, 1_550, 1_999])
const INPUT_GONE_CODES = new Set([1_401, 1_404])
/** Encoding jobs of one execution. */
const ENCODINGS_MAX = 3

/**
 * Decides what to do about a failed encoding.
 *
 * @param encodings how many there were, this one included.
 * @throws VideoRejected or EncodingFailed when another attempt would not help.
 */
export const assess = ({ Error: name, Cause }: Caught, encodings: number): 'again' => {
  const cause = parsed(Cause)
  // The integration reports the job, or the API's answer that holds it.
  const job = jobSchema.safeParse((cause as { Job?: unknown } | undefined)?.Job ?? cause).data
  const code = job?.ErrorCode
  const isTransient = code === undefined || TRANSIENT_CODES.has(code)
  if (job?.Status === 'CANCELED')
    throw new EncodingFailed('encoding_cancelled', 'The encoding was cancelled.')
  if (isTransient && encodings < ENCODINGS_MAX) return 'again'
  if (isTransient)
    throw new EncodingFailed(
      'encoder_failed',
      `The encoder failed ${encodings} times (${code ?? name}). Please try again later.`,
    )
  if (INPUT_GONE_CODES.has(code))
    throw new VideoRejected('source_missing', 'The uploaded file is not there any more.')
  if (/cut off|truncated|unexpected end/i.test(job?.ErrorMessage ?? ''))
    throw new VideoRejected('truncated', 'The file is cut off or damaged: its end cannot be read.')
  throw new VideoRejected('not_decodable', 'The video cannot be decoded: the file may be damaged.')
}

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
