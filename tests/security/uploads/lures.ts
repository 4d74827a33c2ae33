/** A file that is no film but leads elsewhere: to another host, or to a file of the machine. */
export type Lure = { readonly title: string; readonly name: string; readonly text: string }

/** @param target where it leads. */
export const luresTo = (target: string): readonly Lure[] => [
  {
    title: 'an HLS playlist',
    name: 'film.mp4',
    text: `#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXT-X-MEDIA-SEQUENCE:0\n#EXTINF:6.0,\n${target}\n#EXT-X-ENDLIST\n`,
  },
  {
    title: 'an HLS playlist with a key elsewhere',
    name: 'film.ts',
    text: `#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXT-X-KEY:METHOD=AES-128,URI="${target}"\n#EXTINF:6.0,\n${target}\n#EXT-X-ENDLIST\n`,
  },
  {
    title: 'a file list (ffconcat)',
    name: 'film.mkv',
    text: `ffconcat version 1.0\nfile '${target}'\n`,
  },
  {
    title: 'a DASH manifest',
    name: 'film.mpd',
    text:
      '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT6S">' +
      `<Period><AdaptationSet mimeType="video/mp4"><Representation id="1" bandwidth="1"><BaseURL>${target}</BaseURL>` +
      '</Representation></AdaptationSet></Period></MPD>',
  },
  {
    title: 'an SVG with a picture elsewhere',
    name: 'film.svg',
    text: `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"><image xlink:href="${target}" width="9" height="9"/></svg>`,
  },
  {
    title: 'a session description (SDP)',
    name: 'film.sdp',
    text: `v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\na=control:${target}\nm=video 5004 RTP/AVP 96\na=rtpmap:96 H264/90000\n`,
  },
]
