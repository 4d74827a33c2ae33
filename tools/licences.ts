/** Licences of packages that may be used without asking, by their SPDX names. */
export const LICENCES: readonly string[] = [
  ...['MIT', 'MIT-0', 'Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause', '0BSD', 'ISC', 'MPL-2.0'],
  ...['BlueOak-1.0.0', 'CC0-1.0', 'CC-BY-3.0', 'CC-BY-4.0', 'Unlicense', 'Python-2.0', 'WTFPL'],
  ...['Artistic-2.0', 'Zlib'],
]
