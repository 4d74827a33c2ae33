import base from './jest.config.mjs'

/** Jest for the long suites (tests/support/stages.ts): every test is in reach, one file at a time. */
export default {
  ...base,
  testPathIgnorePatterns: base.testPathIgnorePatterns.filter((path) => !path.startsWith('/tests/')),
  testTimeout: 120_000,
  maxWorkers: 1,
}
