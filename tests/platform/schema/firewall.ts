import { type Attribute, type NestedBlock, optional, required } from './printed.ts'

type Blocks = Readonly<Record<string, NestedBlock>>

const block = (
  attributes: Readonly<Record<string, Attribute>> = {},
  blocks: Blocks = {},
): NestedBlock => ({
  nesting_mode: 'list',
  block: { attributes, block_types: blocks },
  max_items: 1,
})

const needed = (one: NestedBlock): NestedBlock => ({ ...one, min_items: 1 })
const many = ({ max_items: _, ...one }: NestedBlock): NestedBlock => one

const fieldToMatch = (): NestedBlock =>
  block(
    {},
    {
      uri_path: block(),
      query_string: block(),
      method: block(),
      all_query_arguments: block(),
      single_header: block({ name: required('string') }),
      body: block({ oversize_handling: optional('string') }),
    },
  )

const textTransformation = (): NestedBlock => ({
  ...many(block({ priority: required('number'), type: required('string') })),
  nesting_mode: 'set',
  min_items: 1,
})

const matching = (attributes: Readonly<Record<string, Attribute>> = {}): NestedBlock =>
  block(attributes, { field_to_match: fieldToMatch(), text_transformation: textTransformation() })

const ACTIONS = ['allow', 'block', 'count', 'captcha', 'challenge']

const ruleActionOverride = (): NestedBlock =>
  many(
    block(
      { name: required('string') },
      {
        action_to_use: needed(
          block({}, Object.fromEntries(ACTIONS.map((action) => [action, block()]))),
        ),
      },
    ),
  )

const leaves = (scopeDown: Blocks): Blocks => ({
  managed_rule_group_statement: block(
    { name: required('string'), vendor_name: required('string'), version: optional('string') },
    { rule_action_override: ruleActionOverride(), ...scopeDown },
  ),
  rule_group_reference_statement: block({ arn: required('string') }),
  ip_set_reference_statement: block(
    { arn: required('string') },
    {
      ip_set_forwarded_ip_config: block({
        fallback_behavior: required('string'),
        header_name: required('string'),
        position: required('string'),
      }),
    },
  ),
  geo_match_statement: block({ country_codes: required(['list', 'string']) }),
  label_match_statement: block({ key: required('string'), scope: required('string') }),
  byte_match_statement: matching({
    positional_constraint: required('string'),
    search_string: required('string'),
  }),
  size_constraint_statement: matching({
    comparison_operator: required('string'),
    size: required('number'),
  }),
  sqli_match_statement: matching({ sensitivity_level: optional('string') }),
  xss_match_statement: matching(),
})

const branches = (depth: number, scopeDown: Blocks): Blocks => {
  const statement = needed(firewallStatement(depth - 1))
  return {
    rate_based_statement: block(
      {
        limit: required('number'),
        aggregate_key_type: optional('string'),
        evaluation_window_sec: optional('number'),
      },
      {
        ...scopeDown,
        forwarded_ip_config: block({
          fallback_behavior: required('string'),
          header_name: required('string'),
        }),
      },
    ),
    not_statement: block({}, { statement }),
    and_statement: block({}, { statement: many(statement) }),
    or_statement: block({}, { statement: many(statement) }),
  }
}

/** A statement of the firewall with statements in it, so many levels deep; AWS allows three. */
export const firewallStatement = (depth: number): NestedBlock => {
  if (depth === 0) return block({}, leaves({}))
  const scopeDown = { scope_down_statement: firewallStatement(depth - 1) }
  return block({}, { ...leaves(scopeDown), ...branches(depth, scopeDown) })
}
