import type { Reactions } from '../../shared/bus/reaction.ts'
import { instantOf } from '../../shared/kernel/time.ts'
import { courseRefReactions } from '../../shared/projection/course-refs.ts'
import { reconsider, requestCertificate } from './commands/issuance.ts'
import { gradedBy } from './domain/rule.ts'
import type { Deps } from './routes.ts'
import { facts } from './store/facts.ts'

export const reactions: Reactions<Deps> = {
  ...courseRefReactions,

  async 'course.published'(received) {
    await courseRefReactions['course.published'](received)
    const { data, tx } = received
    await facts(tx).rememberVersion({
      versionId: data.versionId,
      courseId: data.courseId,
      organizationId: data.organizationId,
      number: data.versionNumber,
      title: data.title,
      certificateRule: data.certificateRule,
      gradedBy: gradedBy(data.items),
    })
  },

  async 'progress.course_completed'({ data, tx }, { executions }) {
    const completion = { ...data, completedAt: instantOf(data.completedAt) }
    await requestCertificate(completion, { tx, executions })
  },

  async 'attempt.graded'({ data, tx }, { executions }) {
    const { accountId, assessmentId, organizationId, gradeBasisPoints, gradedAt } = data
    // Results of before they were numbered order by their time, which is never smaller than a number.
    const resultNumber = data.resultNumber ?? instantOf(gradedAt)
    await facts(tx).rememberGrade({
      accountId,
      assessmentId,
      organizationId,
      gradeBasisPoints,
      resultNumber,
    })
    await reconsider(data, { tx, executions })
  },

  async 'account.registered'({ data, tx }) {
    await facts(tx).rememberSignUp(data.accountId, { name: data.name, email: data.email })
  },

  async 'user.profile_updated'({ data, event, tx }) {
    await facts(tx).changePerson(data.accountId, { name: data.name }, event.sequence)
  },

  async 'user.email_changed'({ data, event, tx }) {
    await facts(tx).changePerson(data.accountId, { email: data.email }, event.sequence)
  },

  async 'organization.created'({ data, event, tx }) {
    const { organizationId, name } = data
    await facts(tx).rememberOrganization({ organizationId, name, sequence: event.sequence })
  },

  async 'organization.updated'({ data, event, tx }) {
    const { organizationId, name } = data
    await facts(tx).rememberOrganization({ organizationId, name, sequence: event.sequence })
  },
}
