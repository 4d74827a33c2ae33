import * as z from 'zod'

const referenceSchema = z.union([
  z.strictObject({ Ref: z.string() }).transform(({ Ref }) => Ref),
  z
    .strictObject({ 'Fn::GetAtt': z.tuple([z.string(), z.string()]) })
    .transform((value) => value['Fn::GetAtt'][0]),
])
type Variables = Readonly<Record<string, unknown>>

/** A definition as the packager writes it: a text, or one with `${names}` that CloudFormation fills in. */
const definitionSchema = z.union([
  z.string().transform((text) => ({ text, variables: {} as Variables })),
  z
    .strictObject({ 'Fn::Sub': z.string() })
    .transform((value) => ({ text: value['Fn::Sub'], variables: {} as Variables })),
  z
    .strictObject({ 'Fn::Sub': z.tuple([z.string(), z.record(z.string(), z.unknown())]) })
    .transform((value) => ({ text: value['Fn::Sub'][0], variables: value['Fn::Sub'][1] })),
])

const templateSchema = z.object({
  Resources: z.record(
    z.string(),
    z.object({ Type: z.string(), Properties: z.record(z.string(), z.unknown()).optional() }),
  ),
})

export type StateMachine = {
  /** Its logical id in the template. */
  readonly name: string
  /** Amazon States Language, with every function's ARN in its place. */
  readonly definition: string
}

/** The state machines of a packaged template, as CloudFormation would hand them to Step Functions. */
export const stateMachinesOf = (template: unknown): readonly StateMachine[] =>
  Object.entries(templateSchema.parse(template).Resources)
    .filter(([, { Type }]) => Type === 'AWS::StepFunctions::StateMachine')
    .map(([name, { Properties }]) => {
      const { text, variables } = definitionSchema.parse(Properties?.DefinitionString)
      return { name, definition: resolved(text, variables) }
    })

const resolved = (text: string, variables: Variables): string =>
  text.replaceAll(/\$\{([^!}][^}]*)\}/g, (_, variable: string) => {
    const reference = referenceSchema.safeParse(variables[variable])
    return arnOf(reference.data ?? variable.replace(/\.Arn$/, ''))
  })

const arnOf = (name: string) =>
  name.startsWith('AWS::') ? name : `arn:aws:lambda:us-east-1:123456789012:function:${name}`
