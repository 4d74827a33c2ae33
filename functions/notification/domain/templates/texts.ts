import type { TemplateName } from '../message.ts'

/** One message in one language. Plain text: whoever makes HTML of it escapes it. */
export type Text = {
  readonly subject: string
  readonly paragraphs: readonly string[]
  /** The words on the link, where there is one. */
  readonly action?: string
}

/** All that a language needs. `{name}` and the like are filled from the facts of a message. */
export type Texts = {
  readonly greeting: string
  readonly greetingWithoutName: string
  /** Stands for the title of a course that is not known. */
  readonly someCourse: string
  readonly signature: string
  readonly unsubscribe: string
  readonly unsubscribePage: {
    readonly title: string
    readonly question: string
    readonly button: string
    readonly done: string
  }
  readonly messages: Readonly<Record<TemplateName, Text>>
}
