import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, it } from '@jest/globals'
import { parse } from 'yaml'
import { packageHub } from '../../local/package/package.ts'
import ShiftedAliases from '../../tools/shifted-aliases.mjs'

// How calls move to a new version of a function, and back (decision 0080), in the template that deploys.

const root = fileURLToPath(new URL('../..', import.meta.url))

// biome-ignore lint/suspicious/noExplicitAny: a template's properties have as many shapes as types
type Resource = { Type: string; Properties: any; UpdatePolicy?: any; DependsOn?: unknown }
type Resources = Readonly<Record<string, Resource>>

let resources: Resources
const of = (type: string) => Object.entries(resources).filter(([, { Type }]) => Type === type)

beforeAll(async () => {
  const { templatePath } = await packageHub({ root, reuse: true })
  resources = JSON.parse(readFileSync(templatePath, 'utf8')).Resources
}, 120_000)

/** What a resource must come after: whatever it names anywhere. */
const needsOf = (all: Resources, resource: Resource): readonly string[] => {
  const text = JSON.stringify(resource)
  const named = [
    ...text.matchAll(/"Ref":"(\w+)"/g),
    ...text.matchAll(/"Fn::GetAtt":\["(\w+)"/g),
    ...text.matchAll(/\$\{(\w+)[.}]/g),
  ].map(([, name = '']) => name)
  const before = [resource.DependsOn ?? []].flat() as string[]
  return [...named, ...before].filter((name) => name in all)
}

/** The first resources that wait for each other, or none. CloudFormation says so only when it deploys. */
const cycleIn = (all: Resources): readonly string[] => {
  const done = new Set<string>()
  const visit = (name: string, path: readonly string[]): readonly string[] => {
    if (path.includes(name)) return [...path.slice(path.indexOf(name)), name]
    if (done.has(name)) return []
    for (const need of needsOf(all, all[name] as Resource)) {
      const cycle = visit(need, [...path, name])
      if (cycle.length > 0) return cycle
    }
    done.add(name)
    return []
  }
  return (
    Object.keys(all)
      .map((name) => visit(name, []))
      .find((cycle) => cycle.length > 0) ?? []
  )
}

describe('a function behind the balancer', () => {
  it('is called through its alias, by everyone who calls it through the balancer', () => {
    expect(of('AWS::ElasticLoadBalancingV2::TargetGroup').length).toBeGreaterThan(10)
    for (const [, { Properties }] of of('AWS::ElasticLoadBalancingV2::TargetGroup'))
      expect(Properties.Targets[0].Id['Fn::Join'][1][1]).toBe('live')
    for (const [, { Properties }] of of('AWS::Lambda::Permission'))
      if (Properties.Principal === 'elasticloadbalancing.amazonaws.com')
        expect(Properties.FunctionName['Fn::Join'][1][1]).toBe('live')
  })

  it('moves to a new version as its deployment group says, which its own alarm stops', () => {
    const aliases = of('AWS::Lambda::Alias')
    expect(aliases).toHaveLength(of('AWS::ElasticLoadBalancingV2::TargetGroup').length)
    for (const [, { Properties, UpdatePolicy }] of aliases) {
      const [versionId] = Properties.FunctionVersion['Fn::GetAtt']
      expect(resources[versionId]?.Properties.FunctionName).toEqual(Properties.FunctionName)
      const { DeploymentGroupName } = UpdatePolicy.CodeDeployLambdaAliasUpdate
      const group = resources[DeploymentGroupName.Ref]?.Properties
      expect(group.DeploymentConfigName).toEqual({ Ref: 'ShiftConfig' })
      expect(group.AutoRollbackConfiguration.Events).toContain('DEPLOYMENT_STOP_ON_ALARM')
      const [{ Name }] = group.AlarmConfiguration.Alarms
      const alarm = of('AWS::CloudWatch::Alarm').find(
        ([, each]) => each.Properties.AlarmName === Name,
      )
      expect(JSON.stringify(alarm)).toContain(`\${${Properties.FunctionName.Ref}}:live`)
    }
  })

  it('has provisioned concurrency on the same alias', () => {
    const compiled: { Resources: Record<string, Resource> } = {
      Resources: {
        CourseGroup: {
          Type: 'AWS::ElasticLoadBalancingV2::TargetGroup',
          Properties: { Targets: [{ Id: { 'Fn::GetAtt': ['CourseLambdaFunction', 'Arn'] } }] },
        },
      },
    }
    const course = { name: 'course', events: [{ alb: {} }], provisionedConcurrency: 3 }
    const bus = { name: 'bus', events: [{ msk: {} }], provisionedConcurrency: 2 }
    const serverless = {
      service: {
        functions: { course, bus },
        provider: { compiledCloudFormationTemplate: compiled },
      },
      getProvider: () => ({
        naming: {
          getLambdaLogicalId: () => 'CourseLambdaFunction',
          getNormalizedFunctionName: () => 'Course',
        },
      }),
    }
    const plugin = new ShiftedAliases(serverless)
    plugin.nameAliases()
    // The packager would make a second alias of it.
    expect(course).not.toHaveProperty('provisionedConcurrency')
    expect(bus).toHaveProperty('provisionedConcurrency', 2)
    plugin.addAliases()
    expect(compiled.Resources.CourseLiveLambdaAlias?.Properties).toMatchObject({
      ProvisionedConcurrencyConfig: { ProvisionedConcurrentExecutions: 3 },
    })
  })
})

describe('the stack', () => {
  it('has no resources that wait for each other', () => {
    expect(cycleIn(resources)).toEqual([])
  })

  it('is caught when it has', () => {
    const planted: Resources = {
      Alias: { Type: 'a', Properties: {}, UpdatePolicy: { Ref: 'Group' } },
      Group: { Type: 'g', Properties: { Ref: 'Alarm' } },
      Alarm: { Type: 'm', Properties: { Text: { 'Fn::Sub': '${Target.Name}' } } },
      Target: { Type: 't', Properties: {}, DependsOn: ['Alias'] },
    }
    expect(cycleIn(planted)).toEqual(['Alias', 'Group', 'Alarm', 'Target', 'Alias'])
  })

  it('takes the weights that the pipeline offers, and has a way to move for each', () => {
    const { shift } = parse(readFileSync(join(root, 'serverless.yml'), 'utf8')).custom
    const choices = /name: 'WEIGHT', choices: \[(.*?)\]/.exec(
      readFileSync(join(root, 'Jenkinsfile'), 'utf8'),
    )?.[1]
    expect(choices?.replaceAll("'", '').split(', ')).toEqual(Object.keys(shift))
    const own = of('AWS::CodeDeploy::DeploymentConfig').map(([, { Properties }]) => [
      Properties.DeploymentConfigName.split('-').at(-2),
      Properties.TrafficRoutingConfig.TimeBasedCanary.CanaryPercentage,
    ])
    expect(own).toEqual([
      ['25', 25],
      ['50', 50],
    ])
  })
})
