import { createRequire } from 'node:module'

// Both packages are CommonJS that look for their platform's binary when they are loaded.
const require = createRequire(import.meta.url)

/**
 * `FFMPEG_PATH`, or the static build from npm: old, but with x264, AAC and everything that we ask
 * for.
 */
export const ffmpegPath = (): string =>
  process.env.FFMPEG_PATH || (require('@ffmpeg-installer/ffmpeg') as { path: string }).path

/** `FFPROBE_PATH`, or the static build from npm. */
export const ffprobePath = (): string =>
  process.env.FFPROBE_PATH || (require('@ffprobe-installer/ffprobe') as { path: string }).path
