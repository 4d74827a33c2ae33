/** Captions of one language, as they were uploaded. */
export type Captions = {
  readonly language: string
  /** Without quotation marks: it stands in a playlist attribute. */
  readonly label: string
  readonly webVtt: string
}

export type TextFile = {
  /** Below the version's folder. */
  readonly name: string
  readonly contentType: string
  readonly body: string
}

/** The encoder's own master playlist, without captions. */
export const ENCODED_MASTER = 'index.m3u8'

const PLAYLIST_TYPE = 'application/vnd.apple.mpegurl'

/** The first words of a WebVTT file (W3C WebVTT, section 4.1). */
export const isWebVtt = (text: string): boolean => /^\uFEFF?WEBVTT(?:[ \t\r\n]|$)/.test(text)

/**
 * Our master playlist and the captions that it names. Names carry the revision: nothing that a
 * player may be reading is ever overwritten. The master comes last: whoever sees it finds all the rest.
 */
export const packagePlaylists = ({
  encodedMaster,
  captions,
  revision,
  durationMs,
  startTicks,
}: {
  encodedMaster: string
  captions: readonly Captions[]
  revision: number
  durationMs: number
  startTicks: number
}): { readonly masterPlaylist: string; readonly files: readonly TextFile[] } => {
  const masterPlaylist = `master-${revision}.m3u8`
  const named = captions.map((one) => ({ ...one, stem: `captions-${one.language}-${revision}` }))
  return {
    masterPlaylist,
    files: [
      ...named.flatMap(({ stem, webVtt }) => [
        { name: `${stem}.vtt`, contentType: 'text/vtt', body: captionSegment(webVtt, startTicks) },
        {
          name: `${stem}.m3u8`,
          contentType: PLAYLIST_TYPE,
          body: captionPlaylist(`${stem}.vtt`, durationMs),
        },
      ]),
      {
        name: masterPlaylist,
        contentType: PLAYLIST_TYPE,
        body: masterWith(encodedMaster, named),
      },
    ],
  }
}

const masterWith = (
  encodedMaster: string,
  captions: readonly (Captions & { readonly stem: string })[],
): string => {
  const lines = encodedMaster.replaceAll('\r\n', '\n').trimEnd().split('\n')
  const media = captions.map(
    ({ label, language, stem }) =>
      `#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID="captions",NAME="${label}",LANGUAGE="${language}",` +
      `DEFAULT=NO,AUTOSELECT=YES,FORCED=NO,URI="${stem}.m3u8"`,
  )
  const group = captions.length > 0 ? ',SUBTITLES="captions"' : ''
  const first = lines.findIndex((line) => line.startsWith('#EXT-X-STREAM-INF'))
  const at = first === -1 ? lines.length : first
  const variants = lines
    .slice(at)
    .map((line) => (line.startsWith('#EXT-X-STREAM-INF') ? line + group : line))
  return `${[...lines.slice(0, at), ...media, ...variants].join('\n')}\n`
}

/** One segment with the whole file: captions are small. */
const captionPlaylist = (segment: string, durationMs: number): string =>
  `${[
    '#EXTM3U',
    '#EXT-X-VERSION:4',
    `#EXT-X-TARGETDURATION:${Math.max(1, Math.ceil(durationMs / 1_000))}`,
    '#EXT-X-MEDIA-SEQUENCE:1',
    '#EXT-X-PLAYLIST-TYPE:VOD',
    `#EXTINF:${(durationMs / 1_000).toFixed(3)},`,
    segment,
    '#EXT-X-ENDLIST',
  ].join('\n')}\n`

/** Ties the captions' zero to where the picture begins (RFC 8216, section 3.5). */
const captionSegment = (webVtt: string, startTicks: number): string => {
  const [head = '', ...rest] = webVtt
    .replace(/^\uFEFF/, '')
    .replaceAll('\r\n', '\n')
    .split('\n')
  return [head, `X-TIMESTAMP-MAP=MPEGTS:${startTicks},LOCAL:00:00:00.000`, ...rest].join('\n')
}
