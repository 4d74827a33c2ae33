/** The schema that a service owns: its name in snake case. */
export const schemaOf = (service: string): string => service.replaceAll('-', '_')

/** The login role that sees this schema and no other. */
export const roleOf = (service: string): string => `hub_${schemaOf(service)}`

/** The role that carries every schema's outbox to the log, forgets what the engines need no longer, and sees nothing else. */
export const PUBLISHER_ROLE = 'hub_outbox_publisher'
