/** Methods and functions of JavaScript whose name here is another than their own in snake_case. */
const otherNames: Readonly<Record<string, string>> = {
  toUpperCase: 'upper',
  toLowerCase: 'lower',
  toString: 'string',
  includes: 'contains',
  charAt: 'substring',
  substr: 'substring',
  test: 'matches',
  exec: 'match',
  findIndex: 'index_of',
  flat: 'flatten',
  sort: 'sort_by',
  toSorted: 'sort_by',
  toReversed: 'reverse',
  at: 'slice',
  toFixed: 'round',
  getTime: 'time',
  parse: 'parse_json',
  stringify: 'to_json',
  toISOString: 'iso',
  hasOwn: 'has',
  hasOwnProperty: 'has',
  parseFloat: 'number',
  parseInt: 'integer',
  Number: 'number',
  String: 'string',
  Boolean: 'boolean',
  decodeURIComponent: 'url_decode',
  encodeURIComponent: 'url_encode',
  isNaN: 'type',
}

/** The name that a JavaScript method or function would have here. */
export function functionNameOf(javascriptName: string): string {
  if (Object.hasOwn(otherNames, javascriptName)) return otherNames[javascriptName]!
  return javascriptName.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}
