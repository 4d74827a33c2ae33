/** `videoHoursWatched` and `duration.bus` for people: `video hours watched`, `duration bus`. */
export const words = (name: string): string =>
  name
    .replace(/[.]/g, ' ')
    .replace(/Gb$/, ' GB')
    .replace(
      /([a-z])([A-Z])(?=[a-z])/g,
      (_whole, before: string, letter: string) => `${before} ${letter.toLowerCase()}`,
    )
