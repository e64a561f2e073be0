/** Parameters of a refinement that refuses a text which no message may repeat. */
export const unquoted = { unquoted: true } as const
