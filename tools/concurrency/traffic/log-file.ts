import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { type Readable, Stream } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { InputError } from '../../measure/input-error.ts'

/** What begins a gzip file, whatever it is called. */
const GZIP = Buffer.from([0x1f, 0x8b])
const HEAD_BYTES_MAX = 65_536
const BYTE_ORDER_MARK = '\uFEFF'

/**
 * A log's text, unpacked if it is packed, and its first line without a byte order mark.
 *
 * @throws InputError where it cannot be read or unpacked; so does the stream.
 */
export const openLog = async (file: string): Promise<{ head: string; text: Readable }> => {
  const isPacked = await beginsWith(file, GZIP)
  const read = (): Readable => {
    const bytes = createReadStream(file)
    return isPacked ? Stream.Duplex.from(unpacked(bytes, file)) : bytes
  }
  return { head: await firstLine(read()), text: read() }
}

async function* unpacked(bytes: Readable, file: string) {
  const gunzip = createGunzip()
  bytes.on('error', (error) => gunzip.destroy(error))
  try {
    for await (const chunk of bytes.pipe(gunzip)) yield chunk
  } catch {
    throw new InputError({ file }, 'the file cannot be unpacked; it is cut off or damaged')
  } finally {
    bytes.destroy()
  }
}

const beginsWith = async (file: string, wanted: Buffer): Promise<boolean> => {
  try {
    await using handle = await open(file)
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(wanted.length), 0, wanted.length)
    return bytesRead === wanted.length && buffer.equals(wanted)
  } catch {
    throw new InputError({ file }, 'the file cannot be read')
  }
}

const firstLine = async (text: Readable): Promise<string> => {
  const decoder = new TextDecoder()
  let head = ''
  for await (const chunk of text) {
    head += decoder.decode(chunk, { stream: true })
    if (head.includes('\n') || head.length > HEAD_BYTES_MAX) break
  }
  const [line = ''] = head.split(/\r?\n/)
  return line.startsWith(BYTE_ORDER_MARK) ? line.slice(1) : line
}
