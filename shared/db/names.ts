/** The schema that a service owns: its name in snake case. */
export const schemaOf = (service: string): string => service.replaceAll('-', '_')

/** The login role that sees this schema and no other. */
export const roleOf = (service: string): string => `hub_${schemaOf(service)}`
