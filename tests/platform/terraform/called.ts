import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { packageHub } from '../../../local/package/package.ts'
import { functionKeyOf } from '../../../local/template/template.ts'
import { readDeployed } from '../../../tools/cost/design/deployed.ts'
import { readPackaged } from '../../../tools/measure/packaged.ts'

const root = fileURLToPath(new URL('../../..', import.meta.url))

/** The right that each operation of an official client needs (AWS's Service Authorization Reference). */
export const PERMISSIONS: Readonly<Record<string, string>> = {
  AbortMultipartUpload: 's3:AbortMultipartUpload',
  CompleteMultipartUpload: 's3:PutObject',
  CreateMultipartUpload: 's3:PutObject',
  DeleteObjects: 's3:DeleteObject',
  DescribeExecution: 'states:DescribeExecution',
  GetObject: 's3:GetObject',
  HeadObject: 's3:GetObject',
  ListMultipartUploads: 's3:ListBucketMultipartUploads',
  ListObjectsV2: 's3:ListBucket',
  ListParts: 's3:ListMultipartUploadParts',
  PutObject: 's3:PutObject',
  StartExecution: 'states:StartExecution',
  StopExecution: 'states:StopExecution',
  UploadPart: 's3:PutObject',
}

/** Every S3 client brings it, for buckets of S3 Express, of which there is none. */
const NEVER_CALLED = new Set(['CreateSession'])

/** As a bundle spells a command that its functions use: `class a extends b(c,d,"GetObject",e)`; unused ones are shaken out. */
const COMMAND = /extends [\w$]+\([\w$]+,[\w$]+,"(\w+)",[\w$]+\)/g

/** Operations of AWS that the packaged functions call through official clients, by the group whose role they run as. */
export const calledByGroup = async (): Promise<ReadonlyMap<string, ReadonlySet<string>>> => {
  const { templatePath, codeRoot } = await packageHub({ root, reuse: true })
  const { functions } = await readDeployed(templatePath)
  const groups = new Map(functions.map(({ name, group }) => [name, group]))
  const template = await readPackaged(templatePath)
  const bundles = template.functions.map(({ name, handler }) => ({
    group: groups.get(functionKeyOf(name)) ?? 'untagged',
    path: join(codeRoot, handler.replace(/\.\w+$/, '.mjs')),
  }))
  return new Map(
    [...Map.groupBy(bundles, ({ group }) => group)].map(([group, ofGroup]) => {
      const paths = [...new Set(ofGroup.map(({ path }) => path))]
      return [group, new Set(paths.flatMap(commandsOf))]
    }),
  )
}

const commandsOf = (path: string): readonly string[] =>
  [...readFileSync(path, 'utf8').matchAll(COMMAND)]
    .map(([, name = '']) => name)
    .filter((name) => !NEVER_CALLED.has(name))
