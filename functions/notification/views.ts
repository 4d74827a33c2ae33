import type { Tx } from '../../shared/db/transaction.ts'
import type { AccountId } from '../../shared/kernel/id.ts'
import { toIso } from '../../shared/kernel/time.ts'
import { courseRefs } from '../../shared/projection/course-refs.ts'
import { DEFAULT_LOCALE } from './domain/locale.ts'
import { renderNotification } from './domain/render.ts'
import { contacts } from './store/contacts.ts'
import type { Notification } from './store/notifications.ts'

/** Puts rows into the words of their reader: language, zone and course titles as they are now. */
export const viewerFor = async (
  tx: Tx,
  {
    accountId,
    rows,
    publicUrl,
  }: { accountId: AccountId; rows: readonly Notification[]; publicUrl: string },
) => {
  const { name, locale, timeZone } = (await contacts(tx).find(accountId)) ?? {
    name: '',
    locale: DEFAULT_LOCALE,
    timeZone: 'UTC',
  }
  const courses = await courseRefs(tx).findMany(
    rows.flatMap(({ content }) => content.courseId ?? []),
  )
  return ({ notificationId, template, content, createdAt, readAt }: Notification) => ({
    notificationId,
    ...renderNotification({
      template,
      content,
      reader: { name, locale, timeZone },
      courseTitle: content.courseId && courses.get(content.courseId)?.title,
      publicUrl,
    }),
    createdAt: toIso(createdAt),
    readAt: readAt === null ? null : toIso(readAt),
  })
}
