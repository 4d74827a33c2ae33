import { describe, expect, it } from '@jest/globals'
import { failuresIn } from './schemathesis.ts'

describe('a failure of Schemathesis', () => {
  it('is read from what it prints', () => {
    const printed = [
      '================ FAILURES ================',
      '______________ GET /v1/courses ______________',
      '1. Test Case ID: x',
      '- Undocumented HTTP status code',
      '- Response violates schema',
      '================ ERRORS ================',
      '______________ GET /v1/media ______________',
      'Network Error',
      '================ SUMMARY ================',
      '- no failure',
    ].join('\n')
    expect(failuresIn(printed)).toEqual([
      'GET /v1/courses: Undocumented HTTP status code',
      'GET /v1/courses: Response violates schema',
      'GET /v1/media: could not be asked',
    ])
  })
})
