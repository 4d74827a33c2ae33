import { assessmentContract } from './assessment.ts'
import { authContract } from './auth.ts'
import { certificateContract } from './certificate.ts'
import { contentContract } from './content.ts'
import { courseContract } from './course.ts'
import type { Contract } from './define.ts'
import { enrollmentContract } from './enrollment.ts'
import { mediaContract } from './media.ts'
import { notificationContract } from './notification.ts'
import { organizationContract } from './organization.ts'
import { progressContract } from './progress.ts'
import { rbacContract } from './rbac.ts'
import { userContract } from './user.ts'
import { videoProcessingContract } from './video-processing.ts'
import { videoStreamingContract } from './video-streaming.ts'

/** Every contract by its service. Only joins the files; what is missing here is not routed (tested). */
export const contracts = {
  assessment: assessmentContract,
  auth: authContract,
  certificate: certificateContract,
  content: contentContract,
  course: courseContract,
  enrollment: enrollmentContract,
  media: mediaContract,
  notification: notificationContract,
  organization: organizationContract,
  progress: progressContract,
  rbac: rbacContract,
  user: userContract,
  'video-processing': videoProcessingContract,
  'video-streaming': videoStreamingContract,
} as const satisfies Readonly<Record<string, Contract>>
