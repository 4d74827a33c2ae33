import type { Component } from '../bill/line.ts'
import { dollars } from '../bill/money.ts'
import type { Report } from '../report.ts'
import { type Drawing, drawn, INK, type Plot, PLOT_WIDTH_PX as WIDTH } from './draw.ts'
import { breakEvenSentence } from './sentences.ts'
import { breakEvenTable, componentTable, scenarioTable, sensitivityTable } from './tables.ts'
import { words } from './words.ts'

/** The plots of a report. */
export const plotsOf = (report: Report): Promise<readonly Plot[]> =>
  Promise.all(
    [billByComponent, costPerLearner, lambdaAgainstNodes, whatItHangsOn].map((plot) =>
      drawn(plot(report)),
    ),
  )

// Colours that differ in lightness too, and that people with any kind of colour vision tell apart (Okabe and Ito).
const PARTS = [
  { name: 'functions', color: '#0072b2', components: ['functions'] },
  { name: 'Kubernetes', color: '#56b4e9', components: ['kubernetes'] },
  { name: 'database', color: '#d55e00', components: ['database', 'backups'] },
  { name: 'cache', color: '#e69f00', components: ['cache'] },
  { name: 'events', color: '#f0e442', components: ['events'] },
  { name: 'search', color: '#cc79a7', components: ['search'] },
  { name: 'video and files', color: '#009e73', components: ['storage', 'video', 'delivery'] },
  { name: 'network', color: '#999999', components: ['network'] },
  { name: 'logs and security', color: '#333333', components: ['observability', 'security'] },
] as const satisfies readonly {
  name: string
  color: string
  components: readonly Component[]
}[]

const DESIGN_NAMES = { baseline: 'EKS', serverless: 'serverless' } as const
const DESIGN_COLORS = { domain: ['EKS', 'serverless'], range: ['#b04a00', '#0072b2'] }

const DESIGNS = ['baseline', 'serverless'] as const

const billByComponent = ({ scenarios }: Report): Drawing => {
  const rows = scenarios.flatMap(({ name, components }) =>
    DESIGNS.flatMap((design) =>
      PARTS.map((part, order) => ({
        scenario: name,
        design: DESIGN_NAMES[design],
        part: part.name,
        order,
        usd: components
          .filter(({ component }) => part.components.some((each) => each === component))
          .reduce((sum, row) => sum + dollars(row[design]), 0),
      })),
    ),
  )
  const [first] = scenarios
  return {
    title: 'The bill by component',
    summary: `Stacked bars, two for each scenario. In ${first?.name} the EKS baseline is ${round(first?.baseline)} dollars a month and serverless ${round(first?.serverless)}.`,
    numbers: scenarios.map(componentTable),
    spec: {
      data: { values: rows },
      facet: {
        row: {
          field: 'scenario',
          sort: scenarios.map(({ name }) => name),
          title: null,
          header: { labelAngle: 0, labelAlign: 'left', labelFontWeight: 'bold' },
        },
      },
      spacing: 10,
      spec: {
        width: WIDTH - 260,
        height: { step: 22 },
        mark: { type: 'bar', stroke: INK, strokeWidth: 0.6 },
        encoding: {
          y: {
            field: 'design',
            title: null,
            sort: ['EKS', 'serverless'],
            axis: { domain: false, ticks: false },
          },
          x: {
            field: 'usd',
            type: 'quantitative',
            aggregate: 'sum',
            title: 'US dollars a month',
            axis: { format: ',d' },
          },
          color: {
            field: 'part',
            title: null,
            scale: {
              domain: PARTS.map(({ name }) => name),
              range: PARTS.map(({ color }) => color),
            },
            legend: { orient: 'bottom', columns: 5 },
          },
          order: { field: 'order' },
        },
      },
    },
  }
}

const costPerLearner = (report: Report): Drawing => {
  const { scenarios } = report
  const rows = scenarios.flatMap(({ name, activeLearners, ...totals }) =>
    DESIGNS.map((design) => ({
      scenario: name,
      design: DESIGN_NAMES[design],
      usd: dollars(totals[design]) / activeLearners,
    })),
  )
  return {
    title: 'Cost per active learner',
    summary: `Points by scenario on a logarithmic scale. The fewer learn, the dearer is each: engines cost the same for one as for all.`,
    numbers: [scenarioTable(report)],
    spec: {
      data: { values: rows },
      width: WIDTH - 200,
      height: { step: 18 },
      encoding: {
        y: {
          field: 'scenario',
          title: null,
          scale: { paddingInner: 0.25, domain: scenarios.map(({ name }) => name) },
        },
        yOffset: { field: 'design', scale: { domain: DESIGN_COLORS.domain } },
        x: {
          field: 'usd',
          type: 'quantitative',
          scale: { type: 'log', base: 10, domain: [0.1, 100] },
          title: 'US dollars a month and active learner (logarithmic)',
          axis: { format: '~g', values: [0.1, 1, 10, 100] },
        },
      },
      layer: [
        {
          // A bar has no length where there is no nothing.
          mark: { type: 'point', filled: true, size: 110, opacity: 1 },
          encoding: {
            shape: { field: 'design', title: null, scale: { domain: DESIGN_COLORS.domain } },
            color: {
              field: 'design',
              title: null,
              scale: DESIGN_COLORS,
              legend: { orient: 'top' },
            },
          },
        },
        {
          mark: { type: 'text', align: 'left', dx: 10, baseline: 'middle' },
          encoding: { text: { field: 'usd', format: '$,.2f' } },
        },
      ],
    },
  }
}

const lambdaAgainstNodes = (report: Report): Drawing => {
  const { points, at } = report.breakEven
  const rows = points.flatMap(({ requests, functions, nodes }) => [
    { requests: requests / 1e6, runs: 'functions', usd: dollars(functions) },
    { requests: requests / 1e6, runs: 'nodes', usd: dollars(nodes) },
  ])
  const meeting = at === undefined ? [] : [{ requests: at / 1e6 }]
  return {
    title: 'Functions against nodes',
    summary: `Two lines over requests a month. ${breakEvenSentence(report)}`,
    numbers: [breakEvenTable(report)],
    spec: {
      data: { values: rows },
      width: WIDTH - 140,
      height: 260,
      layer: [
        {
          mark: { type: 'line', strokeWidth: 2.5 },
          encoding: {
            x: { field: 'requests', type: 'quantitative', title: 'million requests a month' },
            y: {
              field: 'usd',
              type: 'quantitative',
              title: 'US dollars a month',
              axis: { format: ',d' },
            },
            color: {
              field: 'runs',
              title: null,
              scale: { domain: ['nodes', 'functions'], range: DESIGN_COLORS.range },
              legend: { orient: 'top', symbolType: 'stroke' },
            },
            strokeDash: {
              field: 'runs',
              title: null,
              scale: {
                domain: ['nodes', 'functions'],
                range: [
                  [6, 4],
                  [1, 0],
                ],
              },
            },
          },
        },
        ...meeting.map((point) => ({
          data: { values: [point] },
          mark: { type: 'rule' as const, strokeDash: [2, 3], color: INK },
          encoding: { x: { field: 'requests', type: 'quantitative' as const } },
        })),
      ],
    },
  }
}

const SHOWN = 12

const whatItHangsOn = (report: Report): Drawing => {
  const shown = report.sensitivities.slice(0, SHOWN)
  const rows = shown.flatMap(({ name, half, twice }) => [
    { name: words(name), change: 'half of it', usd: dollars(half) },
    { name: words(name), change: 'twice of it', usd: dollars(twice) },
  ])
  return {
    title: 'What the serverless bill hangs on',
    summary: `Bars to both sides of nothing: how the bill changes with half and with twice of a number. The largest is ${words(shown[0]?.name ?? '')}.`,
    numbers: [sensitivityTable(report)],
    spec: {
      data: { values: rows },
      width: WIDTH - 240,
      height: { step: 20 },
      mark: { type: 'bar', height: 14 },
      encoding: {
        y: { field: 'name', title: null, sort: shown.map(({ name }) => words(name)) },
        x: {
          field: 'usd',
          type: 'quantitative',
          stack: null,
          title: 'change of the bill, US dollars a month',
          axis: { format: '+,d' },
        },
        color: {
          field: 'change',
          title: null,
          scale: { domain: ['half of it', 'twice of it'], range: ['#0072b2', '#b04a00'] },
          legend: { orient: 'top' },
        },
      },
    },
  }
}

const round = (amount: bigint | undefined) => Math.round(dollars(amount ?? 0n)).toLocaleString('en')
