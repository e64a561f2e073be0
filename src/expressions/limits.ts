/**
 * What one expression may cost, so that no expression on no record can hang the pipeline or fill the
 * memory. Source limits are checked when a pipeline is compiled, the others on every record.
 */

/** Characters of an expression's source. */
export const maxSourceLength = 16_384
/** How deep an expression's parts may nest; keeps every recursion over them far from the stack's end. */
export const maxSourceDepth = 250
/** UTF-16 units of a string that an expression makes. */
export const maxStringLength = 1_048_576
/** Elements of a list that an expression makes. */
export const maxListLength = 100_000
/** How deep lists and objects that an expression makes may nest; what `decodeJson` takes, too. */
export const maxResultDepth = 1_000
/** Fields and elements in all of a result; one that occurs twice counts twice, as it does when encoded. */
export const maxResultNodes = 1_000_000
/** UTF-16 units of all strings of a result together. */
export const maxResultChars = 16 * maxStringLength
/** What one evaluation may spend: a call of an arrow function, a list element, 64 characters cost 1. */
export const fuelPerEvaluation = 1_000_000
/** Characters of text that cost one unit of fuel. */
export const charsPerFuel = 64
/** Characters of a regular expression's source. */
export const maxPatternLength = 4_096
/**
 * Characters that the searches for all matches in one text may look at together. Each search is linear,
 * but on hostile text each of many may run to the end of the text.
 */
export const maxSearchSteps = 10_000_000
/** Characters of text that cost one unit of fuel for the slower of the two regular expression engines. */
export const searchedCharsPerFuel = 8
