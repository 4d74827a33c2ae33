// What esbuild leaves out of every function's bundle, though a library imports it (decision 0004). Should a library
// move these files, the bundles grow beyond their budget and `tests/packaging` says so.
import { fileURLToPath } from 'node:url'

const xRay = fileURLToPath(new URL('../shared/observe/x-ray.ts', import.meta.url))

/** Classes that no function ever makes, by the file that holds them. */
const UNUSED = [
  [/kysely[\\/]dist[\\/]esm[\\/]schema[\\/]schema\.js$/, 'SchemaModule'],
  [
    /kysely[\\/]dist[\\/]esm[\\/]dialect[\\/]postgres[\\/]postgres-introspector\.js$/,
    'PostgresIntrospector',
  ],
  [/kysely[\\/]dist[\\/]esm[\\/]query-builder[\\/]merge-query-builder\.js$/, 'MergeQueryBuilder'],
]

const unused = (name) =>
  `export class ${name} { constructor() { throw new Error('${name} is not in this bundle') } }`

export default [
  {
    name: 'lean-bundles',
    setup(build) {
      build.onResolve({ filter: /^aws-xray-sdk-core$/ }, () => ({ path: xRay }))
      for (const [filter, name] of UNUSED)
        build.onLoad({ filter }, () => ({ contents: unused(name), loader: 'js' }))
    },
  },
]
