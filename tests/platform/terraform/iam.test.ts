import { readFileSync } from 'node:fs'
import { join, matchesGlob } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, it } from '@jest/globals'
import * as z from 'zod'
import { pdfKeyOf } from '../../../functions/certificate/domain/certificate.ts'
import { KEY_PREFIX } from '../../../functions/media/domain/media.ts'
import { folderOf } from '../../../functions/video-processing/domain/processing.ts'
import { newId } from '../../../shared/kernel/id.ts'
import { functionVariables } from '../../../tools/terraform/function-variables.ts'
import { calledByGroup, PERMISSIONS } from './called.ts'
import { type Resource, readResources, STAGES } from './resources.ts'

// Least privilege: no policy of ours allows every action of a service or every resource, except what
// terraform/iam-exceptions.json allows by name, with its reason.

const folder = process.env.HUB_PLANS ?? ''
const root = fileURLToPath(new URL('../../..', import.meta.url))

const listed = z
  .union([z.string(), z.array(z.string())])
  .transform((value) => (typeof value === 'string' ? [value] : value))

const statementSchema = z.object({
  Sid: z.string().default(''),
  Effect: z.enum(['Allow', 'Deny']),
  Action: listed,
  Resource: listed.optional(),
})

const exceptions = z
  .array(
    z.strictObject({
      sid: z.string().min(1),
      actions: z.array(z.string()).min(1),
      reason: z.string().min(20),
    }),
  )
  .parse(JSON.parse(readFileSync(join(root, 'terraform/iam-exceptions.json'), 'utf8')))

type Wide = { readonly address: string; readonly sid: string; readonly actions: readonly string[] }

/** Policies stand in these attributes, as JSON. */
const POLICIES = ['policy', 'assume_role_policy', 'access_policies', 'policy_document']

const statementsOf = ({ values }: Resource) =>
  POLICIES.map((key) => values[key])
    .filter((text) => typeof text === 'string' && text.includes('"Statement"'))
    .flatMap(
      (text) =>
        z.object({ Statement: z.array(statementSchema) }).parse(JSON.parse(String(text))).Statement,
    )

/** A statement is wide where it says `*` for all actions of a service, or for all resources. */
const wideOf = (resources: readonly Resource[]): readonly Wide[] =>
  resources.flatMap((resource) =>
    statementsOf(resource)
      .filter(({ Effect }) => Effect === 'Allow')
      .filter(
        ({ Action, Resource }) =>
          Action.some((action) => action === '*' || action.endsWith(':*')) ||
          Resource?.includes('*'),
      )
      .map(({ Sid, Action }) => ({ address: resource.address, sid: Sid, actions: Action })),
  )

const complaintsOf = (resources: readonly Resource[]): readonly string[] =>
  wideOf(resources).flatMap(({ address, sid, actions }) => {
    const exception = exceptions.find((each) => each.sid === sid)
    const beyond = actions.filter((action) => !exception?.actions.includes(action))
    return beyond.map((action) => `${address} (${sid || 'no Sid'}) allows ${action} too widely`)
  })

const GROUPS = [
  ...['certificates', 'media', 'notification', 'playback', 'publisher', 'services', 'video'],
]

const RENDITION_FOLDER = folderOf({
  ...{ organizationId: newId('organization'), videoId: newId('video'), version: 1 },
})

describe.each(STAGES)('the roles of %s', (stage) => {
  let resources: readonly Resource[]

  beforeAll(() => {
    resources = readResources(readFileSync(join(folder, stage, 'state.json'), 'utf8'))
  })

  const statementsOfGroup = (group: string) =>
    resources
      .filter(({ address }) =>
        address.includes(`functions_iam.aws_iam_role_policy.group["${group}"]`),
      )
      .flatMap(statementsOf)

  const planted = (statement: object): readonly Resource[] => [
    ...resources,
    {
      address: 'planted',
      type: 'aws_iam_role_policy',
      values: { policy: JSON.stringify({ Statement: [statement] }) },
    },
  ]

  it('allow nothing too widely', () => {
    expect(complaintsOf(resources)).toEqual([])
  })

  it.each([
    ['every action', { Effect: 'Allow', Action: '*', Resource: 'arn:aws:s3:::one' }],
    [
      'every action of a service',
      { Effect: 'Allow', Action: ['s3:*'], Resource: 'arn:aws:s3:::one' },
    ],
    ['every resource', { Effect: 'Allow', Action: 's3:GetObject', Resource: '*' }],
    [
      'more under an exception',
      { Sid: 'WriteTraces', Effect: 'Allow', Action: 's3:GetObject', Resource: '*' },
    ],
  ])('would be noticed if they allowed %s', (_, statement) => {
    expect(complaintsOf(planted(statement))).toHaveLength(1)
  })

  it('need every exception that is made', () => {
    const used = wideOf(resources).map(({ sid }) => sid)
    expect(exceptions.map(({ sid }) => sid).filter((sid) => !used.includes(sid))).toEqual([])
  })

  it('come with policies of AWS only where AWS writes them for its own programs', () => {
    const attached = resources
      .filter(({ type }) => type === 'aws_iam_role_policy_attachment')
      .map(({ values }) => String(values.policy_arn).replace(/^.*\//, ''))
    expect(new Set(attached)).toEqual(
      new Set([
        'AmazonEC2ContainerRegistryPullOnly',
        'AmazonEKSClusterPolicy',
        'AmazonEKSWorkerNodePolicy',
        'AmazonEKS_CNI_Policy',
        'AmazonRDSEnhancedMonitoringRole',
        'CloudWatchAgentServerPolicy',
      ]),
    )
  })

  it('let every bus function into its consumer groups', () => {
    const entered = resources.flatMap(statementsOf).filter(({ Sid }) => Sid === 'KeepPositions')
    const allowed = entered.flatMap(({ Resource }) => Resource ?? [])
    const groups = Object.values(functionVariables().services).flatMap(({ subscriptions }) =>
      subscriptions.map((each) => each.consumer_group),
    )
    const isAllowed = (group: string) =>
      allowed.some((arn) => matchesGlob(group, arn.split('/').at(-1) ?? ''))
    expect(groups.filter((group) => !isAllowed(group))).toEqual([])
    expect(groups.length).toBeGreaterThan(10)
    expect(isAllowed('hub.users.auth')).toBe(false)
  })

  it('allow every action that the official clients in a group of functions can ask for', async () => {
    const called = await calledByGroup()
    const allowedTo = (group: string) =>
      new Set(
        statementsOfGroup(group)
          .filter(({ Effect }) => Effect === 'Allow')
          .flatMap(({ Action }) => Action),
      )
    const complaints = [...called].flatMap(([group, names]) => {
      const allowed = allowedTo(group)
      return [...names]
        .map((name) => PERMISSIONS[name] ?? `a right for ${name}, which is not known here`)
        .filter((permission) => !allowed.has(permission))
        .map((permission) => `${group} lacks ${permission}`)
    })
    expect(complaints).toEqual([])
    // Bundles are read as they are spelt today: what is certain to be called has to be found in them.
    expect(called.get('media')).toContain('ListMultipartUploads')
    expect(called.get('video')).toContain('StopExecution')
    expect(called.get('playback')).toEqual(new Set(['GetObject']))
    expect(called.get('services')).toEqual(new Set())
  })

  it('are as many as there are groups of functions', () => {
    const groups = resources
      .map(({ address }) => /functions_iam\.aws_iam_role\.group\["(.*)"\]/.exec(address)?.[1])
      .filter((group) => group !== undefined)
    expect(groups.toSorted()).toEqual(GROUPS.toSorted())
  })

  it.each([
    ['an upload', `${KEY_PREFIX}org_1/med_1`, ['media', 'video'], ['media']],
    ['a rendition', `${RENDITION_FOLDER}seg_1.ts`, ['playback', 'video'], ['video']],
    [
      'a certificate',
      pdfKeyOf({ certificateId: newId('certificate'), run: 1 }),
      ['certificates'],
      ['certificates'],
    ],
  ] as const)('open %s to whoever needs it and to no other group', (_, key, readers, writers) => {
    const bucket = resources.find(({ address }) => address.endsWith('aws_s3_bucket.this["media"]'))
    const object = `${bucket?.values.arn}/${key}`
    const whoMay = (action: string) =>
      GROUPS.filter((group) =>
        statementsOfGroup(group)
          .filter(({ Effect, Action }) => Effect === 'Allow' && Action.includes(action))
          .flatMap(({ Resource }) => Resource ?? [])
          // In IAM a star stands for slashes, too.
          .some((arn) => matchesGlob(object.replaceAll('/', ':'), arn.replaceAll('/', ':'))),
      )
    expect(whoMay('s3:GetObject')).toEqual(readers)
    expect(whoMay('s3:PutObject')).toEqual(writers)
    expect(whoMay('s3:DeleteObject')).toEqual(writers)
  })
})
