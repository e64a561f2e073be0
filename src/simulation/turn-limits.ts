/** Turns of the event loop without any change after which a pipeline counts as quiet. */
export const quietTurns = 3
/** A pipeline that is still at work after so many turns is stuck, or never comes to an end. */
export const maxTurns = 200_000
/** Turns that a sink gets to come to its pause, and the step in which time passes then. */
export const pauseTurns = 8
export const pauseStepMs = 100

/** While a call is under way that no virtual clock hurries, each further turn takes a real millisecond. */
export const promptTurns = 1_000
/** Real time that calls get; those that take longer are left under way. */
export const maxCallMs = 10_000
