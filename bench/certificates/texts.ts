/** What stands on the certificate, ours and the peers': as many lines in the same letters. */
export const TEXTS = {
  learner: 'Zoë Ångström-Nakamura',
  course: 'Distributed systems, from the first message to the last',
  organization: 'Academy of Applied Engineering',
} as const

/** The font of the layer that has these letters. */
export const FONT_FILE =
  'node_modules/@expo-google-fonts/noto-sans/400Regular/NotoSans_400Regular.ttf'
