/** How addresses are compared: two that a person would call the same have one key. */
export const emailKeyOf = (email: string): string =>
  email.normalize('NFKC').trim().toLowerCase().normalize('NFKC')
