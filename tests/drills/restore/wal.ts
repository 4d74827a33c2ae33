import { readFile, rename, writeFile } from 'node:fs/promises'
import { GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3'
import { openBucket, readSettings, walKey } from './bucket.ts'

// What PostgreSQL calls for every segment of its write-ahead log:
//   archive_command:  node wal.ts archive SETTINGS %p %f      restore_command:  node wal.ts restore SETTINGS %p %f
// It exits with 0 only when the segment is where it belongs; then PostgreSQL forgets it, or goes on.

const [action, settingsFile = '', path = '', name = ''] = process.argv.slice(2)
const settings = await readSettings(settingsFile)
const s3 = openBucket(settings)
const place = { Bucket: settings.bucket, Key: walKey(name) }

const stored = async (): Promise<Buffer> => {
  const { Body } = await s3.send(new GetObjectCommand(place))
  if (!Body) throw new Error(`${name} is empty`)
  return Buffer.from(await Body.transformToByteArray())
}

/** Never over another: two clusters that archive to one place would destroy each other's history. */
const archive = async (): Promise<void> => {
  const segment = await readFile(path)
  try {
    await s3.send(new PutObjectCommand({ ...place, Body: segment, IfNoneMatch: '*' }))
  } catch (error) {
    const isThere = error instanceof Error && error.name === 'PreconditionFailed'
    // A crash after the upload has PostgreSQL call for the same segment once more.
    if (!isThere || !segment.equals(await stored())) throw error
  }
}

const restore = async (): Promise<void> => {
  const segment = await stored()
  // Whole or not at all: PostgreSQL would read half a segment.
  await writeFile(`${path}.part`, segment)
  await rename(`${path}.part`, path)
}

try {
  if (action === 'archive') await archive()
  else if (action === 'restore') await restore()
  else throw new Error('it takes archive or restore')
} catch (error) {
  console.error(`${action} ${name}: ${error instanceof Error ? error.message : error}`)
  process.exit(1)
}
