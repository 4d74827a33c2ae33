/** As short texts are compared: NFKC, without regard to case and amount of white space. Idempotent. */
export const normalise = (text: string): string =>
  text.normalize('NFKC').toLowerCase().normalize('NFKC').replaceAll(/\s+/gu, ' ').trim()
