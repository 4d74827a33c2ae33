// What esbuild leaves out of every function's bundle, though a library imports it (decision 0004). Should a library
// move these files, the bundles grow beyond their budget and `tests/packaging` says so.
import { fileURLToPath } from 'node:url'

const xRay = fileURLToPath(new URL('../shared/observe/x-ray.ts', import.meta.url))

/** Classes that no function ever makes, by the file that holds them. */
const UNUSED_CLASSES = [
  [/kysely[\\/]dist[\\/]esm[\\/]schema[\\/]schema\.js$/, 'SchemaModule'],
  [
    /kysely[\\/]dist[\\/]esm[\\/]dialect[\\/]postgres[\\/]postgres-introspector\.js$/,
    'PostgresIntrospector',
  ],
  [/kysely[\\/]dist[\\/]esm[\\/]query-builder[\\/]merge-query-builder\.js$/, 'MergeQueryBuilder'],
]

/**
 * Packages of which no function calls anything: postcss parses the style attributes that sanitize-html is told not to
 * look at, domutils walks the trees that its parser does not build, form-data carries the uploads that SendGrid's
 * client never makes.
 */
const UNUSED_PACKAGES = /^(postcss|domutils|form-data)$/

/** Lambda gives credentials as variables: the other ways to get some are the SDK's on a laptop or a pod. */
const CREDENTIALS = `
  import { fromEnv } from '@aws-sdk/credential-provider-env'
  export const defaultProvider = () => fromEnv()`

const unusedClass = (name) =>
  `export class ${name} { constructor() { throw new Error('${name} is not in this bundle') } }`

export default [
  {
    name: 'lean-bundles',
    setup(build) {
      build.onResolve({ filter: /^aws-xray-sdk-core$/ }, () => ({ path: xRay }))
      for (const [filter, name] of UNUSED_CLASSES)
        build.onLoad({ filter }, () => ({ contents: unusedClass(name), loader: 'js' }))
      build.onResolve({ filter: UNUSED_PACKAGES }, ({ path }) => ({ path, namespace: 'unused' }))
      build.onLoad({ filter: /.*/, namespace: 'unused' }, ({ path }) => ({
        contents: `module.exports = class { constructor() { throw new Error('${path} is not in this bundle') } }`,
      }))
      build.onResolve(
        { filter: /^@aws-sdk\/credential-provider-node$/ },
        ({ path, resolveDir }) => ({
          path,
          namespace: 'credentials',
          pluginData: resolveDir,
        }),
      )
      build.onLoad({ filter: /.*/, namespace: 'credentials' }, ({ pluginData }) => ({
        contents: CREDENTIALS,
        resolveDir: pluginData,
      }))
    },
  },
]
