import {
  ENCODED_MASTER,
  packagePlaylists,
} from '../../../functions/video-processing/domain/playlists.ts'
import { folderOf } from '../../../functions/video-processing/domain/processing.ts'
import { captionsStore } from '../../../functions/video-processing/store.ts'
import { assert } from '../../../shared/kernel/assert.ts'
import type { Step } from '../../../shared/lambda/step.ts'
import { putObject, readObjectHead, removeFolder } from '../../../shared/storage/objects.ts'
import type { Storage } from '../../../shared/storage/open.ts'
import { FRAMES_FOLDER, POSTER, SPRITE, THUMBNAILS } from '../domain/pictures.ts'
import { firstPictureTicks } from '../domain/segments.ts'
import { readMaster, readMediaList } from '../playlists.ts'
import { hold, type StepDeps, type StepInput } from './hold.ts'

/** So much of the first segment holds the first picture's beginning, in bytes. */
const SEGMENT_HEAD_BYTES = 64 * 1_024

/** Writes our master playlist with the captions as they are now. */
export const writePlaylists: Step<StepInput, void, StepDeps> = async (input, call, { storage }) => {
  const { video, processing } = await hold(input, { stage: 'packaging', percent: 94 }, call)
  const folder = folderOf(processing)
  await removeFolder(storage, folder + FRAMES_FOLDER)
  const { text: encodedMaster, timing } = await encoded(storage, folder)
  const captions = await call.transaction('*', (tx) => captionsStore(tx).of(video.videoId))
  const { captionsRevision } = video
  const { masterPlaylist, files } = packagePlaylists({
    encodedMaster,
    captions,
    revision: captionsRevision,
    ...timing,
  })
  for (const { name, ...file } of files) await putObject(storage, folder + name, file)
  const pictures = { poster: POSTER, sprite: SPRITE, thumbnails: THUMBNAILS }
  await hold(input, { output: { masterPlaylist, captionsRevision, ...pictures, ...timing } }, call)
}

const encoded = async (storage: Storage, folder: string) => {
  const { text, variantUris } = await readMaster(storage, folder + ENCODED_MASTER)
  const [best] = variantUris
  assert(best, 'a master playlist names a rendition')
  const { durationMs, segmentUris } = await readMediaList(storage, folder, best)
  const head = await readObjectHead(storage, folder + segmentUris[0], SEGMENT_HEAD_BYTES)
  return { text, timing: { durationMs, startTicks: firstPictureTicks(head) } }
}
