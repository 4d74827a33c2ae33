import { both, every, mentions, type Row } from '../row.ts'

const lifecycle = (bucket: string) =>
  `storage.aws_s3_bucket_lifecycle_configuration.this["${bucket}"]`

const bucketNamed = (kind: string): Row => ({
  line: `S3 learning-hub-${kind}`,
  stages: ['prod'],
  reads: 'plan',
  complaints: (resources) =>
    resources.some(
      ({ type, values }) => type === 'aws_s3_bucket' && values.bucket === `learning-hub-${kind}`,
    )
      ? []
      : [`there is no learning-hub-${kind}`],
  breaks: (resources) => {
    for (const { type, values } of resources)
      if (type === 'aws_s3_bucket' && values.bucket === `learning-hub-${kind}`)
        values.bucket = 'elsewhere'
  },
})

const versioned = (kind: string): Row =>
  both({
    line: `S3 ${kind}: versioned`,
    address: `storage.aws_s3_bucket_versioning.this["${kind}"]`,
    path: 'versioning_configuration.0.status',
    is: 'Enabled',
    not: 'Suspended',
  })

const PUBLIC_ACCESS = [
  'block_public_acls',
  'block_public_policy',
  'ignore_public_acls',
  'restrict_public_buckets',
]

/** Every bucket has a companion of each of these types. */
const COMPANIONS = [
  'aws_s3_bucket_public_access_block',
  'aws_s3_bucket_server_side_encryption_configuration',
  'aws_s3_bucket_versioning',
  'aws_s3_bucket_lifecycle_configuration',
  'aws_s3_bucket_policy',
]

const keyed = (address: string) => address.replace(/^.*\.([^.]+)$/, '$1')

const companion = (companionType: string): Row => ({
  line: `S3: every bucket has its ${companionType}`,
  stages: ['staging', 'prod'],
  reads: 'plan',
  complaints: (resources) => {
    const has = resources
      .filter(({ type }) => type === companionType)
      .map((one) => keyed(one.address))
    return resources
      .filter(({ type, address }) => type === 'aws_s3_bucket' && !has.includes(keyed(address)))
      .map(({ address }) => `${address} has no ${companionType}`)
  },
  breaks: (resources) => {
    resources.splice(
      resources.findIndex(({ type }) => type === companionType),
      1,
    )
  },
})

/** Buckets: names, versions, lifecycles, encryption, copies, and that nothing is public. */
export const storageRows: readonly Row[] = [
  ...['static', 'media', 'documents', 'backups'].map(bucketNamed),
  ...['static', 'documents', 'backups', 'media'].map(versioned),
  both({
    line: 'S3 static: former versions 90 days',
    address: lifecycle('static'),
    path: 'rule.0.noncurrent_version_expiration.0.noncurrent_days',
    is: 90,
    not: 9,
  }),
  {
    line: 'S3 static and media: CloudFront only',
    stages: ['staging', 'prod'],
    reads: 'state',
    complaints: (resources) =>
      ['static', 'media'].flatMap((kind) => {
        const suffix = `aws_s3_bucket_policy.this["${kind}"]`
        const policy = resources.find(({ address }) => address.endsWith(suffix))
        const distribution = resources.find(({ address }) =>
          address.endsWith(`aws_cloudfront_distribution.this["${kind}"]`),
        )
        const allowed = allowsOf(policy?.values.policy)
        const [only, ...others] = allowed
        const isCdn =
          JSON.stringify(only?.Principal) === '{"Service":"cloudfront.amazonaws.com"}' &&
          JSON.stringify(only?.Condition).includes(`"${distribution?.values.arn}"`)
        return isCdn && others.length === 0 ? [] : [`${kind} is open to others than CloudFront`]
      }),
    breaks: (resources) => {
      const policy = resources.find(({ address }) =>
        address.endsWith('bucket_policy.this["static"]'),
      )
      if (policy)
        policy.values.policy = JSON.stringify({
          Statement: [{ Effect: 'Allow', Principal: '*', Action: 's3:GetObject', Resource: '*' }],
        })
    },
  },
  mentions({
    line: 'S3 media: Intelligent-Tiering, Glacier after 180 days',
    address: lifecycle('media'),
    path: 'rule.0.transition',
    texts: [
      '{"days":0,"storage_class":"INTELLIGENT_TIERING"}',
      '{"days":180,"storage_class":"GLACIER_IR"}',
    ],
  }),
  mentions({
    line: 'S3 backups: Glacier',
    address: lifecycle('backups'),
    path: 'rule.0.transition',
    texts: ['"storage_class":"GLACIER"'],
  }),
  both({
    line: 'S3 backups: cross-region replication',
    address: 'storage.aws_s3_bucket_replication_configuration.backups',
    path: 'rule.0.status',
    is: 'Enabled',
    not: 'Disabled',
  }),
  every({
    line: 'S3 encrypted',
    type: 'aws_s3_bucket_server_side_encryption_configuration',
    path: 'rule.0.apply_server_side_encryption_by_default.0.sse_algorithm',
    is: (value) => value === 'aws:kms' || value === 'AES256',
    not: null,
  }),
  both({
    line: 'S3 documents: encrypted with a key of ours',
    address: 'storage.aws_s3_bucket_server_side_encryption_configuration.this["documents"]',
    path: 'rule.0.apply_server_side_encryption_by_default.0.sse_algorithm',
    is: 'aws:kms',
    not: 'AES256',
  }),
  ...PUBLIC_ACCESS.map((path) =>
    every({
      line: `S3 never public (${path})`,
      type: 'aws_s3_bucket_public_access_block',
      path,
      is: (value) => value === true,
      not: false,
    }),
  ),
  ...COMPANIONS.map(companion),
]

type Statement = Readonly<Record<string, unknown>>

const allowsOf = (policy: unknown): readonly Statement[] => {
  const { Statement: statements = [] } = JSON.parse(String(policy ?? '{}'))
  return (statements as readonly Statement[]).filter(({ Effect }) => Effect === 'Allow')
}
