import { describe, expect, it } from '@jest/globals'
import { stateMachinesOf } from './state-machines.ts'

const ARN = 'arn:aws:lambda:us-east-1:123456789012:function:StepLambdaFunction'
const machine = (DefinitionString: unknown) => ({
  Resources: {
    Machine: { Type: 'AWS::StepFunctions::StateMachine', Properties: { DefinitionString } },
    Other: { Type: 'AWS::SNS::Topic' },
  },
})

describe('the state machines of a template', () => {
  it.each([
    ['a text', `{"Resource":"${ARN}"}`],
    ['a substitution', { 'Fn::Sub': '{"Resource":"${StepLambdaFunction.Arn}"}' }],
    [
      'a substitution with variables',
      {
        'Fn::Sub': [
          '{"Resource":"${step}"}',
          { step: { 'Fn::GetAtt': ['StepLambdaFunction', 'Arn'] } },
        ],
      },
    ],
  ])('are found in %s', (_, definition) => {
    expect(stateMachinesOf(machine(definition))).toEqual([
      { name: 'Machine', definition: `{"Resource":"${ARN}"}` },
    ])
  })

  it('cannot hide in a shape that nobody looks into', () => {
    expect(() => stateMachinesOf(machine({ 'Fn::Join': ['', ['{}']] }))).toThrow('Invalid input')
  })
})
