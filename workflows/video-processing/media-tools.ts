import { spawnSync } from 'node:child_process'

// How ffmpeg and ffprobe run, here and on one machine: over files of people whom we do not know.

/**
 * Containers that carry their own media. No playlist, script or image sequence: those point at
 * other files.
 */
const CONTAINERS = [
  'mov,mp4,m4a,3gp,3g2,mj2',
  'matroska,webm',
  'avi',
  'mpegts',
  'mpeg',
  'mpegvideo',
  'flv',
  'live_flv',
  'asf',
  'ogg',
  'mxf',
]

/** Of a picture of 8,192 x 8,192, the largest that is taken: one that says more is never decoded. */
const PIXELS_MAX = 8_192 * 8_192

/** What hostile input may make them do: read this one file, with one of these demuxers. Stands before `-i`. */
export const INPUT_LIMITS: readonly string[] = [
  ...['-protocol_whitelist', 'file'],
  ...['-format_whitelist', CONTAINERS.join(',')],
  ...['-max_pixels', String(PIXELS_MAX)],
]

/**
 * They need nothing of ours, and no credentials. The static ffprobe of npm loads the machine's iconv modules into its
 * own C library and crashes on some files; a folder without modules keeps it from that.
 */
export const TOOL_ENVIRONMENT: Readonly<Record<string, string>> = { GCONV_PATH: '/nonexistent' }

/** Memory of its own that a tool may have, in bytes: several large pictures for ffprobe, a ladder for ffmpeg. */
export const TOOL_BYTES_MAX = { ffprobe: 2 * 1_024 ** 3, ffmpeg: 6 * 1_024 ** 3 } as const

export type Command = { readonly program: string; readonly args: readonly string[] }

/**
 * The same command without a network and within so much memory, as far as the system allows it: Linux with util-linux,
 * and user namespaces for who is not root. A Lambda has neither tool; its own memory and subnet are the bounds there.
 *
 * Each wrapper becomes the program, so that a signal reaches the tool itself.
 */
export const confined = ({ program, args }: Command, memoryBytesMax: number): Command => {
  const { withoutNetwork, withMemory } = possible()
  const words = [
    ...(withoutNetwork ?? []),
    ...(withMemory ? [...withMemory, `--data=${memoryBytesMax}`] : []),
    ...[program, ...args],
  ]
  const [first = program, ...rest] = words
  return { program: first, args: rest }
}

/** Whether tools are cut off from the network here. */
export const canCutNetwork = (): boolean => possible().withoutNetwork !== undefined

/** Whether their memory is bounded here. */
export const canBoundMemory = (): boolean => possible().withMemory !== undefined

type Possible = {
  readonly withoutNetwork: readonly string[] | undefined
  readonly withMemory: readonly string[] | undefined
}

let tried: Possible | undefined

// Asked once: whether a system allows namespaces is known by trying.
const possible = (): Possible => {
  tried ??= {
    withoutNetwork: [
      ['unshare', '--map-current-user', '--net'],
      ['unshare', '--net'],
    ].find((words) => works(words)),
    withMemory: [['prlimit']].find((words) => works([...words, `--data=${1_024 ** 3}`])),
  }
  return tried
}

const TRIAL_MS_MAX = 5_000

// With the environment of the tools, so that what is found here is found there.
const works = ([program = '', ...args]: readonly string[]): boolean =>
  spawnSync(program, [...args, 'true'], {
    stdio: 'ignore',
    timeout: TRIAL_MS_MAX,
    env: TOOL_ENVIRONMENT,
  }).status === 0
