// A Serverless plugin: every function behind the balancer is called through its alias `live`, which CodeDeploy moves to a new
// version by weight and moves back when the function's alarm says so (decision 0080). What it adds, in the same template:
//
//   <Function>LiveLambdaAlias   the alias, with the update policy that hands its moves to CodeDeploy
//   <Function>ShiftGroup        CodeDeploy's deployment group of it
//   <Function>ShiftAlarm        more than one call in a hundred fails
const ALIAS = 'live'
const ERRORS_PERCENT_MAX = 1
/** Fewer calls in a minute say nothing. */
const CALLS_MIN = 20

export default class ShiftedAliases {
  constructor(serverless) {
    this.service = serverless.service
    this.provisioned = new Map()
    this.naming = serverless.getProvider('aws').naming
    this.hooks = {
      'before:package:compileFunctions': () => this.nameAliases(),
      'after:package:compileEvents': () => this.addAliases(),
    }
  }

  /** Functions that the balancer calls, by key. */
  get shifted() {
    return Object.entries(this.service.functions).filter(([, { events = [] }]) =>
      events.some(({ alb }) => alb),
    )
  }

  /** Before all else: permissions and target groups are compiled for the alias then. */
  nameAliases() {
    for (const [key, definition] of this.shifted) {
      // The packager would make an alias of its own for it; there can be one target only.
      this.provisioned.set(key, definition.provisionedConcurrency)
      delete definition.provisionedConcurrency
      definition.versionFunction = true
      definition.targetAlias = { name: ALIAS, logicalId: this.idOf(key, 'LiveLambdaAlias') }
    }
  }

  addAliases() {
    const { Resources } = this.service.provider.compiledCloudFormationTemplate
    for (const [key, { name, versionLogicalId }] of this.shifted) {
      const functionId = this.naming.getLambdaLogicalId(key)
      const groupId = this.idOf(key, 'ShiftGroup')
      const alarmName = `${name}-failing`
      Object.assign(Resources, {
        [this.idOf(key, 'LiveLambdaAlias')]: alias({
          ...{ functionId, versionLogicalId, groupId },
          provisioned: this.provisioned.get(key),
        }),
        [groupId]: group({ alarmName }),
        [this.idOf(key, 'ShiftAlarm')]: alarm({
          ...{ alarmName, functionId },
          targetGroupId: targetGroupOf(Resources, functionId),
        }),
      })
    }
  }

  idOf(key, suffix) {
    return `${this.naming.getNormalizedFunctionName(key)}${suffix}`
  }
}

const alias = ({ functionId, versionLogicalId, groupId, provisioned }) => ({
  Type: 'AWS::Lambda::Alias',
  UpdatePolicy: {
    CodeDeployLambdaAliasUpdate: {
      ApplicationName: { Ref: 'ShiftApplication' },
      DeploymentGroupName: { Ref: groupId },
    },
  },
  Properties: {
    Name: ALIAS,
    FunctionName: { Ref: functionId },
    FunctionVersion: { 'Fn::GetAtt': [versionLogicalId, 'Version'] },
    ...(provisioned && {
      ProvisionedConcurrencyConfig: { ProvisionedConcurrentExecutions: provisioned },
    }),
  },
})

// The alarm by name: it refers to the target group, which refers to the alias, which refers to this.
const group = ({ alarmName }) => ({
  Type: 'AWS::CodeDeploy::DeploymentGroup',
  // It is named, and may be one of these.
  DependsOn: ['ShiftQuarter', 'ShiftHalf'],
  Properties: {
    ApplicationName: { Ref: 'ShiftApplication' },
    ServiceRoleArn: { Ref: 'ShiftRoleArn' },
    DeploymentConfigName: { Ref: 'ShiftConfig' },
    DeploymentStyle: {
      DeploymentType: 'BLUE_GREEN',
      DeploymentOption: 'WITH_TRAFFIC_CONTROL',
    },
    AlarmConfiguration: { Enabled: true, Alarms: [{ Name: alarmName }] },
    AutoRollbackConfiguration: {
      Enabled: true,
      Events: ['DEPLOYMENT_FAILURE', 'DEPLOYMENT_STOP_ON_ALARM', 'DEPLOYMENT_STOP_ON_REQUEST'],
    },
  },
})

const partOfListener = (index) => ({
  'Fn::Select': [index, { 'Fn::Split': ['/', { Ref: 'AlbListenerArn' }] }],
})
/** `app/<name>/<id>`, as CloudWatch names it: the middle of its listener's ARN. */
const BALANCER = { 'Fn::Join': ['/', [1, 2, 3].map(partOfListener)] }

// Answers of 500 and more are seen by the balancer, crashes and timeouts by Lambda.
const alarm = ({ alarmName, functionId, targetGroupId }) => {
  const balancer = (Id, MetricName) =>
    metric(Id, 'AWS/ApplicationELB', MetricName, [
      { Name: 'TargetGroup', Value: { 'Fn::GetAtt': [targetGroupId, 'TargetGroupFullName'] } },
      { Name: 'LoadBalancer', Value: BALANCER },
    ])
  return {
    Type: 'AWS::CloudWatch::Alarm',
    Properties: {
      AlarmName: alarmName,
      AlarmDescription: `More than ${ERRORS_PERCENT_MAX} % of a minute's calls fail: a new version goes back.`,
      ComparisonOperator: 'GreaterThanThreshold',
      Threshold: ERRORS_PERCENT_MAX,
      EvaluationPeriods: 1,
      TreatMissingData: 'notBreaching',
      Metrics: [
        {
          Id: 'failing',
          Label: 'failing calls, in percent',
          Expression: `IF(calls >= ${CALLS_MIN}, 100 * (FILL(refused, 0) + FILL(crashed, 0)) / calls, 0)`,
          ReturnData: true,
        },
        balancer('calls', 'RequestCount'),
        balancer('refused', 'HTTPCode_Target_5XX_Count'),
        metric('crashed', 'AWS/Lambda', 'Errors', [
          { Name: 'FunctionName', Value: { Ref: functionId } },
          { Name: 'Resource', Value: { 'Fn::Sub': `\${${functionId}}:${ALIAS}` } },
        ]),
      ],
    },
  }
}

const metric = (Id, Namespace, MetricName, Dimensions) => ({
  Id,
  ReturnData: false,
  MetricStat: { Metric: { Namespace, MetricName, Dimensions }, Period: 60, Stat: 'Sum' },
})

const targetGroupOf = (resources, functionId) => {
  const found = Object.entries(resources).find(
    ([, { Type, Properties }]) =>
      Type === 'AWS::ElasticLoadBalancingV2::TargetGroup' &&
      JSON.stringify(Properties.Targets).includes(`"${functionId}"`),
  )
  if (!found) throw new Error(`${functionId} has no target group.`)
  return found[0]
}
