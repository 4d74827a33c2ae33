/** No limit stands between a question and its answer: limits have tests of their own (the gateway's). */
export const NO_LIMITS = {
  RATE_DEFAULT: '1000000',
  RATE_WRITE: '1000000',
  RATE_SENSITIVE: '1000000',
  RATE_MEDIA: '1000000',
}
