import type { Instant } from '../../../shared/kernel/time.ts'
import type { Authorization } from '../signature.ts'
import type { Disk } from '../storage/disk.ts'
import type { Uploads } from '../storage/multipart.ts'
import type { Bucket, ObjectStore } from '../storage/objects.ts'
import type { Reply, S3Request } from '../wire/request.ts'
import { type XmlContent, xmlDocument } from '../wire/xml.ts'

/** What a handler works with: one authorised request and the stores. */
export type Exchange = Stores & {
  readonly request: S3Request
  readonly authorization: Authorization
  readonly region: string
  readonly now: Instant
}

export type Stores = {
  readonly disk: Disk
  readonly objects: ObjectStore
  readonly uploads: Uploads
}

export type Handler = (exchange: Exchange) => Promise<Reply>

/** There is one account here, and it owns everything. */
export const OWNER = { ID: 'local', DisplayName: 'local' }

/** @throws S3Error NoSuchBucket. */
export const bucketOf = ({ request, objects }: Exchange): Bucket =>
  objects.bucket(request.bucket ?? '')

/** The key of a request that the operation table has matched as one about an object. */
export const keyOf = ({ request }: Exchange): string => request.key ?? ''

export const xmlReply = (root: string, content: XmlContent): Reply => ({
  status: 200,
  headers: { 'content-type': 'application/xml' },
  body: xmlDocument(root, content),
})

export const quoted = (etag: string): string => `"${etag}"`
