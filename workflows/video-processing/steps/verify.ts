import { folderOf } from '../../../functions/video-processing/domain/processing.ts'
import { assert } from '../../../shared/kernel/assert.ts'
import type { Step } from '../../../shared/lambda/step.ts'
import { listFolder } from '../../../shared/storage/objects.ts'
import { checkDurations } from '../domain/segments.ts'
import { OutputBroken } from '../errors.ts'
import { type MediaList, readMaster, readMediaList } from '../playlists.ts'
import { hold, type StepDeps, type StepInput } from './hold.ts'

/** Four hours in five renditions are some 12,000 segments. */
const OBJECTS_MAX = 50_000

/**
 * Walks every playlist as a player would: all it names is there, holds something, and is as long
 * as the source.
 */
export const verify: Step<StepInput, void, StepDeps> = async (input, call, { storage }) => {
  const { processing } = await hold(input, { stage: 'verifying', percent: 96 }, call)
  const { source, rungs, output } = processing
  assert(source && rungs && output, 'the playlists were written')
  const folder = folderOf(processing)
  const objects = await listFolder(storage, { prefix: folder, objectsMax: OBJECTS_MAX })
  const sizes = new Map(objects.map(({ key, sizeBytes }) => [key.slice(folder.length), sizeBytes]))
  const master = await readMaster(storage, folder + output.masterPlaylist)
  if (master.variantUris.length !== rungs.length)
    throw new OutputBroken('output_incomplete', 'A rendition is missing.')
  const lists: MediaList[] = []
  for (const uri of [...master.variantUris, ...master.captionUris])
    lists.push(await readMediaList(storage, folder, uri))
  const named = lists.flatMap(({ segmentUris }) => segmentUris)
  const pictures = [output.poster, output.sprite, output.thumbnails]
  const missing = [...named, ...pictures].find((uri) => !sizes.get(uri))
  if (missing) throw new OutputBroken('output_incomplete', `The file ${missing} is not there.`)
  const renditions = lists.slice(0, master.variantUris.length)
  checkDurations(
    renditions.map(({ durationMs }) => durationMs),
    source.durationMs,
  )
}
