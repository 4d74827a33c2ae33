import { fileURLToPath } from 'node:url'
import { packageHub } from '../local/package/package.ts'

// `npm run package`: what deploys, without network or credentials.
const root = fileURLToPath(new URL('..', import.meta.url))
const { templatePath, seconds } = await packageHub({ root, reuse: false })
console.log(`Packaged in ${seconds.toFixed(1)} s: ${templatePath}`)
