// Who may import whom (docs/architecture.md, "Rooms"): run by tests/architecture/imports.test.ts, which also proves
// that every rule fails on a planted violation.
const rooms = (...files) => files.map((file) => `^functions/([^/]+)/${file}`)
const own = (files) => `^functions/$1/(${files})`
const notOurs = '^(?!functions/|workflows/|eks-workloads/|shared/|local/|tests/|tools/|bench/|\\.)'
const test = '(\\.test\\.ts$|^(tests|bench)/|/testing\\.ts$|/fixtures/)'
const handlers = rooms(
  ...['routes', 'reactions', 'jobs', 'commands', 'views'].flatMap((name) => [
    `${name}\\.ts$`,
    `${name}/`,
  ]),
)

const only = (name, comment, { from, to }) => ({
  name,
  comment,
  severity: 'error',
  from: { path: from, pathNot: test },
  to: { pathNot: [...to, notOurs] },
})

/** The rule concerns what runs; a type costs nothing and ties nothing. */
const byValue = (rule) => ({
  ...rule,
  to: { ...rule.to, dependencyTypesNot: ['type-only'] },
})

/** @type {import('dependency-cruiser').IConfiguration} */
const configuration = {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'nothing-missing',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true, path: '^\\.' },
    },
    only('kernel-is-alone', 'The kernel knows nothing but itself.', {
      from: '^shared/kernel/',
      to: ['^shared/kernel/'],
    }),
    only('events-know-the-kernel', 'Events are data over the kernel.', {
      from: '^shared/events/',
      to: ['^shared/(kernel|events)/'],
    }),
    only('contracts-know-events-and-kernel', 'Contracts are data over events and kernel.', {
      from: '^shared/contracts/',
      to: ['^shared/(kernel|events|contracts)/'],
    }),
    only('shared-knows-no-service', 'What is shared never imports who shares it.', {
      from: '^shared/',
      to: ['^shared/'],
    }),
    only(
      'rules-are-pure',
      'Rules and errors know kernel, event and contract data and each other.',
      {
        from: rooms('domain\\.ts$', 'domain/', 'errors\\.ts$'),
        to: ['^shared/(kernel|events|contracts)/', own('domain|errors')],
      },
    ),
    byValue(
      only('the-store-knows-sql', 'The store knows the database engines and its own rules.', {
        from: rooms('store\\.ts$', 'store/'),
        to: ['^shared/(kernel|events|contracts|db|outbox|projection)/', own('domain|errors|store')],
      }),
    ),
    only('handlers-stay-in-their-room', 'Handlers know their own rules, store and each other.', {
      from: handlers,
      to: ['^shared/', own('domain|errors|store|routes|reactions|jobs|commands|views|settings')],
    }),
    {
      name: 'handlers-open-no-engine',
      comment: 'An engine that a handler opens by itself cannot be another one in a test.',
      severity: 'error',
      from: { path: handlers, pathNot: test },
      to: {
        path: '^shared/(lambda/|service/|config/|storage/open|db/open|bus/open)',
        dependencyTypesNot: ['type-only'],
      },
    },
    only('lambda-knows-its-service', 'The only file that knows Lambda knows nothing else.', {
      from: rooms('lambda\\.ts$'),
      to: ['^shared/(lambda|bus)/', own('service\\.ts$|publisher\\.ts$|sweeper\\.ts$')],
    }),
    only('no-service-knows-another', 'Services meet in contracts and events.', {
      from: '^functions/([^/]+)/',
      to: ['^shared/', '^functions/$1/'],
    }),
    only('video-workflow-knows-its-service', 'A workflow is a door of its service (0006).', {
      from: '^workflows/video-processing/',
      to: [
        '^shared/',
        '^workflows/video-processing/',
        '^functions/video-processing/(domain|errors|store|settings)',
      ],
    }),
    only('certificate-workflow-knows-its-service', 'A workflow is a door of its service (0006).', {
      from: '^workflows/certificate-issuance/',
      to: [
        '^shared/',
        '^workflows/certificate-issuance/',
        '^functions/certificate/(domain|errors|store|settings)',
      ],
    }),
    only('a-pod-knows-itself', 'Pods meet services in contracts and events.', {
      from: '^eks-workloads/([^/]+)/',
      to: ['^shared/', '^eks-workloads/$1/'],
    }),
    {
      name: 'nobody-ships-the-laptop',
      comment: 'What deploys does not know local/, tests/, tools/ or bench/.',
      severity: 'error',
      from: { path: '^(functions|workflows|eks-workloads|shared)/', pathNot: test },
      to: { path: '^(local|tests|tools|bench)/' },
    },
    {
      name: 'tools-know-no-test',
      comment: 'What a tool and a suite both need lives in tools/.',
      severity: 'error',
      from: { path: '^(local|tools)/', pathNot: test },
      to: { path: '^tests/' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: 'specify',
    tsConfig: { fileName: 'tsconfig.json' },
  },
}

export default configuration
