import { readFile, stat } from 'node:fs/promises'
import { posix } from 'node:path'
import type { Caption, Rung } from './plan.ts'

export type Segment = { readonly file: string; readonly seconds: number; readonly bytes: number }

/** What ffmpeg wrote for one rung. */
export type MediaPlaylist = {
  readonly text: string
  readonly segments: readonly Segment[]
  readonly seconds: number
}

export async function readMediaPlaylist(folder: string, stem: string): Promise<MediaPlaylist> {
  const text = await readFile(`${folder}/${stem}.m3u8`, 'utf8')
  const entries = [...text.matchAll(/^#EXTINF:([0-9.]+),.*\n([^#\n]+)$/gm)]
  const segments = await Promise.all(
    entries.map(async ([, seconds, file = '']) => {
      const { size: bytes } = await stat(`${folder}/${file}`)
      return { file, seconds: Number(seconds), bytes }
    }),
  )
  const seconds = segments.reduce((sum, segment) => sum + segment.seconds, 0)
  return { text, segments, seconds }
}

/** What ffprobe tells of the first segment of a rung. */
export type RungFacts = {
  readonly profile: string
  readonly level: number
  /** Where the picture begins on the stream's own clock, in ticks of 1/90000 s. */
  readonly startTicks: number
}
export type MadeRung = {
  readonly rung: Rung
  readonly playlist: MediaPlaylist
  readonly facts: RungFacts
}

/** The master playlist of one group, best rung first as it was asked for. */
export function masterPlaylist(
  rungs: readonly MadeRung[],
  captions: readonly Caption[],
  { hasResolution }: { readonly hasResolution: boolean },
): string {
  const subtitles = captions.map(
    ({ label, language, place }, index) =>
      `#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID="subs",NAME="${label}"` +
      (language === undefined ? '' : `,LANGUAGE="${language}"`) +
      `,DEFAULT=${index === 0 ? 'YES' : 'NO'},AUTOSELECT=YES,FORCED=NO` +
      `,URI="${fileName(place.key)}.m3u8"`,
  )
  const variants = rungs.flatMap((made) => [
    streamInfo(made, { hasResolution, hasSubtitles: captions.length > 0 }),
    `${fileName(made.rung.place.key)}.m3u8`,
  ])
  const head = ['#EXTM3U', '#EXT-X-VERSION:4', '#EXT-X-INDEPENDENT-SEGMENTS']
  return `${[...head, ...subtitles, ...variants].join('\n')}\n`
}

function streamInfo(
  { rung, playlist, facts }: MadeRung,
  { hasResolution, hasSubtitles }: { hasResolution: boolean; hasSubtitles: boolean },
): string {
  const { segments, seconds } = playlist
  const peak = Math.max(...segments.map(({ bytes, seconds }) => (bytes * 8) / seconds))
  const average = (segments.reduce((sum, { bytes }) => sum + bytes, 0) * 8) / seconds
  const codecs = [avcCodec(facts), ...(rung.hasAudio ? ['mp4a.40.2'] : [])]
  return `#EXT-X-STREAM-INF:${[
    `BANDWIDTH=${Math.ceil(peak)}`,
    `AVERAGE-BANDWIDTH=${Math.ceil(average)}`,
    `CODECS="${codecs.join(',')}"`,
    ...(hasResolution ? [`RESOLUTION=${rung.width}x${rung.height}`] : []),
    `FRAME-RATE=${(rung.rate.numerator / rung.rate.denominator).toFixed(3)}`,
    ...(hasSubtitles ? ['SUBTITLES="subs"'] : []),
  ].join(',')}`
}

/** RFC 6381: profile, its constraint bits as x264 sets them, and level. */
function avcCodec({ profile, level }: RungFacts): string {
  const bits = { 'Constrained Baseline': '42e0', Baseline: '4200', Main: '4d40' }[profile] ?? '6400'
  return `avc1.${bits}${level.toString(16).padStart(2, '0')}`
}

/** One segment with the whole file: captions are small. */
export function captionPlaylist(segmentUri: string, seconds: number): string {
  return `${[
    '#EXTM3U',
    '#EXT-X-VERSION:4',
    `#EXT-X-TARGETDURATION:${Math.ceil(seconds)}`,
    '#EXT-X-MEDIA-SEQUENCE:1',
    '#EXT-X-PLAYLIST-TYPE:VOD',
    `#EXTINF:${seconds.toFixed(6)},`,
    segmentUri,
    '#EXT-X-ENDLIST',
  ].join('\n')}\n`
}

/** Ties the captions' zero to where the picture begins (RFC 8216, 3.5). */
export function captionSegment(webVtt: string, startTicks: number): string {
  const [head = '', ...rest] = webVtt
    .replace(/^\uFEFF/, '')
    .replaceAll('\r\n', '\n')
    .split('\n')
  return [head, `X-TIMESTAMP-MAP=MPEGTS:${startTicks},LOCAL:00:00:00.000`, ...rest].join('\n')
}

export const fileName = (key: string): string => posix.basename(key)
