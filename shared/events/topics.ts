/** One topic per producing service (architecture section 6). */
export const topicOf = (service: string): string => `hub.${service}.v1`

/** Where a consumer parks what it cannot digest. */
export const deadLetterTopicOf = (consumer: string): string => `hub.${consumer}.dlq`
