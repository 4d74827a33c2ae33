import { describe, expect, it } from '@jest/globals'
import { somebody } from '../../tests/support/door.ts'
import { newId } from '../kernel/id.ts'
import { mayHoldSomewhere, toCaller } from './caller.ts'

const nothing = { platform: [], organization: [], courses: {} }

describe('who teaches a course', () => {
  it('may build it while they belong to its organisation, and not from the moment they do not', () => {
    const teacher = somebody('instructor')
    const course = { courseId: newId('course'), instructorIds: [teacher.accountId] }
    const member = toCaller(teacher)
    expect(member.can('course:publish', course)).toBe(true)
    expect(mayHoldSomewhere(member, 'course:publish')).toBe(true)
    const former = toCaller({ ...teacher, grants: nothing })
    expect(former.can('course:publish', course)).toBe(false)
    expect(mayHoldSomewhere(former, 'course:publish')).toBe(false)
  })
})
