import type { Category, Channel } from '../../../shared/contracts/notification.ts'
import type { CourseId } from '../../../shared/kernel/id.ts'

/** Every kind of message: what it is about, and the channels that carry it. */
export const templates = {
  welcome: { category: 'account', channels: ['in_app'] },
  verify_email: { category: 'account', channels: ['mail'] },
  sign_up_repeated: { category: 'account', channels: ['mail'] },
  reset_password: { category: 'security', channels: ['mail'] },
  password_changed: { category: 'security', channels: ['in_app', 'mail'] },
  confirm_new_email: { category: 'account', channels: ['mail'] },
  email_change_notice: { category: 'security', channels: ['mail'] },
  invitation: { category: 'organization', channels: ['mail'] },
  enrolled: { category: 'learning', channels: ['in_app', 'mail'] },
  video_ready: { category: 'course', channels: ['in_app', 'mail'] },
  video_failed: { category: 'course', channels: ['in_app', 'mail'] },
  certificate_issued: { category: 'certificate', channels: ['in_app', 'mail'] },
  certificate_revoked: { category: 'certificate', channels: ['in_app', 'mail'] },
} as const satisfies Readonly<
  Record<string, { readonly category: Category; readonly channels: readonly Channel[] }>
>

export type TemplateName = keyof typeof templates

/** What a text names in braces. Names that end in `At` are instants (ISO 8601), shown in the reader's zone. */
export type Facts = Readonly<Record<string, string>>

/** What a message tells, apart from its words: those are chosen when it is read or mailed. */
export type Content = {
  readonly facts: Facts
  /** Gives `{courseTitle}` when it is shown, because the title may arrive after the event. */
  readonly courseId?: CourseId
  /** Below the public address of the hub, or a whole URL. */
  readonly link?: string
  /** Opened for the mail alone, where it becomes the `token` of the link. */
  readonly sealedToken?: string
}

export type Message = Content & { readonly template: TemplateName }
