import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, it } from '@jest/globals'
import { type Outcome, play, type Scenario } from './play.ts'

// The Jenkinsfile as it stands, played whole, and once more for each of its steps, which then fails.

const root = fileURLToPath(new URL('../../..', import.meta.url))
const PLAY_TIMEOUT_MS = 300_000

/** Parameter Store takes no braces of a template, so Terraform writes it in base64. */
const ALERTMANAGER = btoa('route: { receiver: tickets }')

const ANSWERS = {
  'git rev-parse': 'abc123def456',
  'sts get-caller-identity': '123456789012',
  'rds describe-db-instances': 'db.test\t5432\tlearning_hub\tarn:owner',
  'cloudformation get-template':
    'serverless/learning-hub/prod/1795668394726-2026-11-26T04:46:34.726Z/courseHttp.zip',
  'kubectl -n backend-prod get deployment': '41',
  'kubectl -n backend-staging get deployment': '41',
  '/kafka/brokers': 'b-1.test:9096,b-2.test:9096',
  'eks describe-cluster': 'vpc-1',
  '/observability/alertmanager': ALERTMANAGER,
  'ssm get-parameter': 'https://hub.test',
}

const prod: Scenario = { params: { ENVIRONMENT: 'prod', WEIGHT: '25' }, answers: ANSWERS }

const texts = (outcome: Outcome | undefined, stage?: string) =>
  (outcome?.trace ?? []).filter((each) => stage === undefined || each.stage === stage)
const commands = (outcome: Outcome | undefined, stage?: string) =>
  texts(outcome, stage)
    .filter(({ step }) => step === 'sh')
    .map(({ text }) => text)
const stagesOf = (outcome: Outcome | undefined) => [
  ...new Set(texts(outcome).map(({ stage }) => stage)),
]

/** What the steps after a failure did: what went back, in order, and what the notice says. */
const aftermathOf = (outcome: Outcome | undefined) => {
  const notice = texts(outcome, 'post').find(({ step }) => step === 'withEnv')
  return {
    undone: commands(outcome, 'post').flatMap((text) =>
      text.includes('rollout undo') ? ['pods'] : text.includes('rollback') ? ['functions'] : [],
    ),
    isNoticed: commands(outcome, 'post').some((text) => text.startsWith('aws sns publish')),
    notice: notice?.text ?? '',
  }
}

const NOTHING: readonly string[] = []
const ALL = ['pods', 'functions']

/** Each step of a deployment to prod, and what goes back when it fails. */
const STEPS: readonly (readonly [stage: string, part: string, undone: readonly string[]])[] = [
  ['Checkout', 'scm', NOTHING],
  ['Checkout', 'git rev-parse', NOTHING],
  ['Checkout', 'npm ci', NOTHING],
  ['Check', 'npm run check', NOTHING],
  ['Test', 'npm test', NOTHING],
  ['Engines', 'npm run test:engines', NOTHING],
  ['Faults', 'npm run test:faults', NOTHING],
  ['Package', 'npx serverless package', NOTHING],
  ['Images', 'buildah build', NOTHING],
  ['Confirm', 'to prod', NOTHING],
  ['Push', 'aws sts', NOTHING],
  ['Push', 'buildah login', NOTHING],
  ['Push', 'aws ecr list-images', NOTHING],
  ['Push', 'buildah push', NOTHING],
  ['Migrate', 'aws rds describe', NOTHING],
  ['Migrate', 'npm run migrate', NOTHING],
  ['Topics', 'aws ssm', NOTHING],
  ['Topics', 'npm run topics', NOTHING],
  ['Add-ons', 'aws eks update-kubeconfig', NOTHING],
  ['Add-ons', 'aws eks describe-cluster', NOTHING],
  ['Add-ons', 'aws ssm', NOTHING],
  ['Add-ons', ALERTMANAGER, NOTHING],
  ['Add-ons', 'kustomize.config.k8s.io', NOTHING],
  ['Add-ons', 'kubectl apply', NOTHING],
  ['Add-ons', 'aws-load-balancer-controller', NOTHING],
  ['Add-ons', 'external-secrets', NOTHING],
  ['Add-ons', 'alertmanager', NOTHING],
  ['Add-ons', 'prometheus', NOTHING],
  ['Add-ons', 'grafana', NOTHING],
  ['Functions', 'aws cloudformation get-template', NOTHING],
  ['Functions', 'npx serverless deploy', ['functions']],
  ['Pods', 'get deployment', ['functions']],
  ['Pods', 'kustomize.config.k8s.io', ['functions']],
  ['Pods', 'kubectl apply', ALL],
  ['Pods', 'rollout status', ALL],
  ['Health', 'aws ssm', ALL],
  ['Health', '--version', ALL],
  ['Health', '/ready', ALL],
  ['Health', '/v1/auth/jwks', ALL],
]

/** The first step that changes anything. */
const MIGRATION = STEPS.findIndex(([, part]) => part === 'npm run migrate')

const ADD_ONS = STEPS.findIndex(([stage, part]) => stage === 'Add-ons' && part === 'kubectl apply')
const PODS = STEPS.findIndex(([stage, part]) => stage === 'Pods' && part === 'kubectl apply')
const TOPICS = STEPS.findIndex(([, part]) => part === 'npm run topics')

/** Played beside it, by name. */
const OTHERS = {
  'pods stay': { ...prod, failing: ['/ready', 'rollout undo'] },
  'new pod': {
    ...prod,
    answers: { ...ANSWERS, 'kubectl -n backend-prod get deployment': '' },
    failing: ['/ready'],
  },
  'unknown deployment': { ...prod, answers: { ...ANSWERS, 'cloudformation get-template': 'None' } },
  'weight 10': { ...prod, params: { ENVIRONMENT: 'prod', WEIGHT: '10' } },
  'weight 50': { ...prod, params: { ENVIRONMENT: 'prod', WEIGHT: '50' } },
  'weight 100': { ...prod, params: { ENVIRONMENT: 'prod', WEIGHT: '100' } },
  staging: { answers: ANSWERS },
  refused: { ...prod, abort: 'to prod' },
  branch: { branch: 'feature', answers: ANSWERS },
  'prod from a branch': { ...prod, branch: 'feature' },
  'old versions stay': { ...prod, failing: ['npm run prune'] },
  'second run': { ...prod, answers: { ...ANSWERS, 'ecr list-images': 'abc123def456' } },
} as const satisfies Readonly<Record<string, Scenario>>

let whole: Outcome
/** Its steps, without what only marks a scope. */
let indexes: readonly number[]
let failed: readonly Outcome[]
let others: readonly Outcome[]
const other = (name: keyof typeof OTHERS) => others[Object.keys(OTHERS).indexOf(name)]

beforeAll(async () => {
  const [played, ...rest] = await play([prod, ...Object.values(OTHERS)])
  if (!played) throw new Error('nothing was played')
  whole = played
  others = rest
  indexes = whole.trace.flatMap(({ stage, step }, index) =>
    stage === 'post' || step === 'withEnv' ? [] : [index],
  )
  failed = await play(indexes.map((failAt) => ({ ...prod, failAt })))
}, PLAY_TIMEOUT_MS)

describe('a deployment to prod', () => {
  it('goes through its stages in order, and through every step of the table', () => {
    expect(whole.result).toBe('SUCCESS')
    expect(indexes).toHaveLength(STEPS.length)
    for (const [row, index] of indexes.entries()) {
      const [stage, part] = STEPS[row] ?? []
      expect(whole.trace[index]).toMatchObject({ stage, text: expect.stringContaining(part ?? '') })
    }
  })

  it('keeps what it deployed, and undoes nothing', () => {
    expect(texts(whole, 'post')).toEqual([
      { stage: 'post', step: 'archiveArtifacts', text: expect.stringContaining('dist/package') },
      { stage: 'post', step: 'sh', text: 'npm run prune -- --stage prod' },
    ])
  })

  it('is good even where old versions of functions cannot be deleted', () => {
    const outcome = other('old versions stay')
    expect(outcome?.result).toBe('SUCCESS')
    expect(aftermathOf(outcome).undone).toEqual(NOTHING)
    expect(texts(outcome, 'post').at(-1)).toMatchObject({
      step: 'echo',
      text: expect.stringContaining('still there'),
    })
  })

  it('names stage, account and version everywhere', () => {
    expect(commands(whole, 'Functions').at(-1)).toBe(
      'npx serverless deploy --stage prod --param weight=25 --package dist/package --force',
    )
    expect(commands(whole, 'Push').at(-1)).toBe(
      'buildah push api-gateway:abc123def456 docker://123456789012.dkr.ecr.us-east-1.amazonaws.com/learning-hub-prod/api-gateway:abc123def456',
    )
    const written = texts(whole, 'Pods').find(({ step }) => step === 'writeFile')?.text
    expect(written).toContain('- ../../../eks-workloads/kubernetes/prod')
    expect(written).toContain(
      'value: "123456789012.dkr.ecr.us-east-1.amazonaws.com/learning-hub-prod/api-gateway:abc123def456"',
    )
    const given = texts(whole, 'Migrate').find(({ step }) => step === 'withEnv')?.text
    expect(given).toContain(
      'DATABASE_URL=postgres://db.test:5432/learning_hub?sslmode=verify-full\n',
    )
  })

  it.each(['Migrate', 'Topics'])('writes no secret into a command: %s', (stage) => {
    const command = commands(whole, stage).at(-1) ?? ''
    expect(command.trim().split('\n')[0]?.trim()).toBe('set +x')
  })

  it('makes the topics on the stage’s brokers, as a user of its own', () => {
    const given = texts(whole, 'Topics').find(({ step }) => step === 'withEnv')?.text
    expect(given).toContain('KAFKA_BROKERS=b-1.test:9096,b-2.test:9096\n')
    expect(given).toContain('KAFKA_TLS=true\n')
    expect(given).toContain('USER_SECRET=AmazonMSK_learning-hub-prod-pipeline')
  })
})

describe('add-ons', () => {
  const folder = join(root, 'eks-workloads/add-ons')
  const upgrades = () =>
    commands(whole, 'Add-ons').filter((text) => text.startsWith('helm upgrade --install '))

  it('are all upgraded, each from its own chart, and taken back by Helm when they fail', () => {
    const named = upgrades().map((text) => /--install (\S+) (\S+)/.exec(text)?.slice(1))
    expect(named.toSorted()).toEqual(
      readdirSync(folder).map((name) => [name, `eks-workloads/add-ons/${name}`]),
    )
    for (const text of upgrades()) expect(text).toContain(' --atomic --timeout 10m')
  })

  it('tell the balancer controller its cluster and its network', () => {
    expect(upgrades()[0]).toMatch(
      / --set aws-load-balancer-controller\.clusterName=learning-hub-prod,aws-load-balancer-controller\.vpcId=vpc-1$/,
    )
  })
})

describe('a step that fails', () => {
  it.each(STEPS.map((step, row) => [...step, row] as const))(
    '%s: %s takes back %j, and a notice says so',
    (_stage, part, undone, row) => {
      const outcome = failed[row]
      expect(outcome?.result).toBe('FAILURE')
      // Nothing of the stages comes after it.
      expect(
        outcome?.trace.findLast(({ stage, step }) => stage !== 'post' && step !== 'withEnv'),
      ).toMatchObject({ text: expect.stringContaining(part) })
      const aftermath = aftermathOf(outcome)
      expect(aftermath.undone).toEqual(undone)
      expect(aftermath.isNoticed).toBe(true)
      expect(aftermath.notice.includes('Nothing had been changed.')).toBe(row < MIGRATION)
      expect(aftermath.notice.includes('Migrations stay')).toBe(row >= MIGRATION)
      expect(aftermath.notice.includes('Topics stay')).toBe(row >= TOPICS)
      expect(aftermath.notice.includes('Add-ons stay')).toBe(row >= ADD_ONS)
      expect(aftermath.notice.includes('Policies and autoscalers')).toBe(row >= PODS)
      expect(aftermath.notice).not.toMatch(/ (IS|ARE) NOT /)
    },
  )

  it('takes pods and functions back to what ran before', () => {
    const post = commands(failed.at(-1), 'post')
    expect(post[0]).toContain('rollout undo deployment/api-gateway --to-revision=41')
    expect(post[1]).toBe(
      'npx serverless rollback --stage prod --timestamp 1795668394726 --param weight=100',
    )
  })
})

describe('a rollback', () => {
  it('goes on with the functions when the pods cannot be taken back, and says which', () => {
    const { undone, notice, isNoticed } = aftermathOf(other('pods stay'))
    expect(undone).toEqual(ALL)
    expect(isNoticed).toBe(true)
    expect(notice).toContain('api-gateway IS NOT BACK at revision 41.')
    expect(notice).toContain('The functions are back at 1795668394726.')
  })

  it('leaves a pod alone that did not run before', () => {
    expect(aftermathOf(other('new pod'))).toMatchObject({
      undone: ['functions'],
      notice: expect.stringContaining('api-gateway is new and has nothing to go back to.'),
    })
  })

  it('is possible, or the functions are not deployed', () => {
    const outcome = other('unknown deployment')
    expect(outcome?.result).toBe('FAILURE')
    expect(commands(outcome, 'Functions')).toHaveLength(1)
    expect(aftermathOf(outcome).undone).toEqual(NOTHING)
  })
})

describe('environments, weights and branches', () => {
  it.each(['10', '50', '100'] as const)('gives new functions %s %% first', (weight) => {
    const weighted = commands(other(`weight ${weight}`)).filter((text) =>
      text.includes(`--param weight=${weight} `),
    )
    expect(weighted).toHaveLength(2)
  })

  it('is staging with a tenth first where nothing is said, and asks nobody', () => {
    const outcome = other('staging')
    expect(outcome?.result).toBe('SUCCESS')
    expect(stagesOf(outcome)).not.toContain('Confirm')
    expect(stagesOf(outcome)).toContain('Health')
    expect(commands(outcome, 'Functions').at(-1)).toContain('--stage staging --param weight=10 ')
    expect(commands(outcome).join()).not.toContain('prod')
  })

  it('changes nothing in prod when nobody agrees', () => {
    const outcome = other('refused')
    expect(outcome?.result).toBe('ABORTED')
    expect(stagesOf(outcome)).not.toContain('Push')
    expect(aftermathOf(outcome)).toMatchObject({ undone: NOTHING, isNoticed: true })
  })

  it('tests a branch and deploys nothing of it', () => {
    const outcome = other('branch')
    expect(outcome?.result).toBe('SUCCESS')
    expect(stagesOf(outcome)).not.toContain('Push')
    expect(commands(outcome, 'Images')).toHaveLength(1)
    expect(commands(outcome, 'post')).toEqual([])
  })

  it('refuses prod from a branch, before any work', () => {
    const outcome = other('prod from a branch')
    expect(outcome?.result).toBe('FAILURE')
    expect(stagesOf(outcome)).toEqual(['Checkout', 'post'])
  })

  it('does not push an image that is there', () => {
    const outcome = other('second run')
    expect(outcome?.result).toBe('SUCCESS')
    expect(commands(outcome).join()).not.toContain('buildah push')
  })
})

describe('the Jenkinsfile', () => {
  const text = readFileSync(join(root, 'Jenkinsfile'), 'utf8')

  it('calls npm scripts that exist, and no programs but the official ones', () => {
    const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
    const known = ['ci', 'test', ...Object.keys(scripts).map((name) => `run ${name}`)]
    const PROGRAM =
      /^(?:export [A-Z_ ]+|set \+x|(?:[A-Z_]+=\$\()?(git|npm|npx|aws|kubectl|helm|buildah) .*)$/
    for (const outcome of [whole, ...failed])
      for (const line of commands(outcome).flatMap((each) => each.trim().split('\n'))) {
        expect(line.trim()).toMatch(PROGRAM)
        const [, called] = /npm (run [\w:]+|\w+)/.exec(line) ?? []
        if (called) expect(known).toContain(called)
      }
  })

  it('builds an image of every pod that has one', () => {
    for (const folder of readdirSync(join(root, 'eks-workloads')))
      if (existsSync(join(root, 'eks-workloads', folder, 'Dockerfile')))
        expect(text).toMatch(new RegExp(`def pods = \\[.*\\b${folder}: '`))
  })
})

describe('the player', () => {
  it.each([
    ['an unknown step', "stage('A') { steps { rm '-rf' } }", 'rm'],
    ['an unknown directive', "stage('A') { matrix { } }", 'matrix'],
    ['a stage without steps', "stage('A') { when { branch 'main' } }", 'neither steps nor stages'],
  ])(
    'refuses %s',
    async (_name, stages, said) => {
      const folder = mkdtempSync(join(tmpdir(), 'hub-jenkins-'))
      try {
        const file = join(folder, 'Jenkinsfile')
        writeFileSync(file, `pipeline {\n agent any\n stages { ${stages} } }\n`)
        await expect(play([{}], file)).rejects.toThrow(said)
      } finally {
        rmSync(folder, { recursive: true })
      }
    },
    PLAY_TIMEOUT_MS,
  )
})
