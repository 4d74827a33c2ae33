import { authContract } from './auth.ts'
import { contentContract } from './content.ts'
import { courseContract } from './course.ts'
import type { Contract } from './define.ts'
import { enrollmentContract } from './enrollment.ts'
import { mediaContract } from './media.ts'
import { notificationContract } from './notification.ts'
import { organizationContract } from './organization.ts'
import { rbacContract } from './rbac.ts'
import { videoProcessingContract } from './video-processing.ts'

/** Every contract by its service. Only joins the files; what is missing here is not routed (tested). */
export const contracts = {
  auth: authContract,
  content: contentContract,
  course: courseContract,
  enrollment: enrollmentContract,
  media: mediaContract,
  notification: notificationContract,
  organization: organizationContract,
  rbac: rbacContract,
  'video-processing': videoProcessingContract,
} as const satisfies Readonly<Record<string, Contract>>
