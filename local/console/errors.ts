import type { ContentfulStatusCode } from 'hono/utils/http-status'

/** What a page cannot do, in one sentence for the person who asked. */
export class PageError extends Error {
  override readonly name = 'PageError'
  readonly status: ContentfulStatusCode
  constructor(status: ContentfulStatusCode, message: string) {
    super(message)
    this.status = status
  }
}

export const notFound = (message: string) => new PageError(404, message)
export const badRequest = (message: string) => new PageError(400, message)
