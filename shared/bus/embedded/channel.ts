/** Every append and every change of a group is announced here. Losing an announcement costs one poll interval. */
export const CHANNEL = 'event_log'

/** The payload after an append. */
export const APPENDED = 'append'

/** Before the group's name, in the payload after one has changed. */
export const GROUP_PREFIX = 'group:'
