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
      // Provisioned concurrency has an alias of the packager's own, and there can be one target only.
      if (definition.provisionedConcurrency)
        throw new Error(`${key}: provisioned concurrency belongs on its alias ${ALIAS}.`)
      definition.versionFunction = true
      definition.targetAlias = { name: ALIAS, logicalId: this.idOf(key, 'LiveLambdaAlias') }
    }
  }

  addAliases() {
    const { Resources } = this.service.provider.compiledCloudFormationTemplate
    for (const [key, { versionLogicalId }] of this.shifted) {
      const functionId = this.naming.getLambdaLogicalId(key)
      const [groupId, alarmId] = [this.idOf(key, 'ShiftGroup'), this.idOf(key, 'ShiftAlarm')]
      Object.assign(Resources, {
        [this.idOf(key, 'LiveLambdaAlias')]: alias({ functionId, versionLogicalId, groupId }),
        [groupId]: group({ alarmId }),
        [alarmId]: alarm({ functionId, targetGroupId: targetGroupOf(Resources, functionId) }),
      })
    }
  }

  idOf(key, suffix) {
    return `${this.naming.getNormalizedFunctionName(key)}${suffix}`
  }
}

const alias = ({ functionId, versionLogicalId, groupId }) => ({
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
  },
})

const group = ({ alarmId }) => ({
  Type: 'AWS::CodeDeploy::DeploymentGroup',
  Properties: {
    ApplicationName: { Ref: 'ShiftApplication' },
    ServiceRoleArn: { Ref: 'ShiftRoleArn' },
    DeploymentConfigName: { Ref: 'ShiftConfig' },
    DeploymentStyle: {
      DeploymentType: 'BLUE_GREEN',
      DeploymentOption: 'WITH_TRAFFIC_CONTROL',
    },
    AlarmConfiguration: { Enabled: true, Alarms: [{ Name: { Ref: alarmId } }] },
    AutoRollbackConfiguration: {
      Enabled: true,
      Events: ['DEPLOYMENT_FAILURE', 'DEPLOYMENT_STOP_ON_ALARM', 'DEPLOYMENT_STOP_ON_REQUEST'],
    },
  },
})

// Answers of 500 and more are seen by the balancer, crashes and timeouts by Lambda.
const alarm = ({ functionId, targetGroupId }) => {
  const balancer = (Id, MetricName) =>
    metric(Id, 'AWS/ApplicationELB', MetricName, [
      { Name: 'TargetGroup', Value: { 'Fn::GetAtt': [targetGroupId, 'TargetGroupFullName'] } },
    ])
  return {
    Type: 'AWS::CloudWatch::Alarm',
    Properties: {
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
