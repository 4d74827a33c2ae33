/** Jest on native ES modules: the code under test runs as it runs in Lambda, minus its types. */
export default {
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      { jsc: { target: 'es2024', parser: { syntax: 'typescript' } }, module: { type: 'es6' } },
    ],
  },
  testMatch: ['<rootDir>/**/*.test.ts'],
  testPathIgnorePatterns: [
    ...['/node_modules/', '/.hub/', '/.serverless/', '/.esbuild/'],
    // The long suites have commands of their own; see jest.suites.mjs.
    ...['/tests/browser/', '/tests/engines/', '/tests/faults/', '/tests/security/'],
    '/tests/platform/(terraform|template|kubernetes|images|jenkins|observability)/',
  ],
  modulePathIgnorePatterns: ['/.hub/', '/.serverless/', '/.esbuild/', '/.build/'],
  globalSetup: '<rootDir>/tests/support/global-setup.ts',
  globalTeardown: '<rootDir>/tests/support/global-teardown.ts',
  testTimeout: 30_000,
  maxWorkers: 2,
}
