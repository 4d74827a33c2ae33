/** Milliseconds since 1970; NaN for what is no moment: JavaScript alone takes `5` for a year and a bare date for local time. */
export const momentOf = (text: string): number =>
  /^\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:?\d\d)$/.test(text) ? Date.parse(text) : Number.NaN
