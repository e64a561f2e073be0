/** Attempts to reach what is no data, or to change something: none may be compiled. */
export const refusedAttempts: readonly string[] = [
  // Globals and what leads to them.
  'globalThis', 'global', 'process', 'require', 'module', 'exports', 'window', 'self', 'Function', 'eval', 'Object', 'Array',
  'Symbol', 'Reflect', 'Proxy', 'Buffer', 'WebAssembly', 'Atomics', 'console', 'fetch', 'arguments', 'undefined', 'NaN', 'Infinity',
  'r', 'k0', 'a0', 'constants', 'fuel', 'evaluate', '__proto__', 'constructor', 'record', 'this',
  'process.exit(1)', "require('node:fs')", 'globalThis.process.env', 'Math.random()', 'Date.now()', 'JSON.parse("{}")',
  "eval('1')", "Function('return this')()", "new Function('return this')()", 'new Date()', "import('node:fs')", 'import.meta', 'import.meta.url',
  // Constructors, by every spelling of the name.
  'value.constructor', "value['constructor']", 'value?.constructor', "value?.['constructor']", 'value.x.constructor.constructor',
  "''.constructor", '[].constructor', '(1).constructor', '({}).constructor', '(x => x).constructor', '/a/.constructor', 'value.cons\\u0074ructor',
  "value['cons\\x74ructor']", "value[`constructor`].x = 1", 'upper.constructor', 'map.constructor("return process")()',
  'value.__proto__', "value['__proto__']", 'value.__proto__.polluted = 1', 'value.prototype', '({ __proto__: value })', "({ '__proto__': null })",
  "({ ['__proto__']: null })", '({ constructor: 1 })', '({ prototype: {} })', '({ "__proto__": { polluted: 1 } })', '({ __proto__ })',
  // Calls of what is no function of ours.
  'value.x()', "value['x']()", "value.x.call(null)", 'upper.call(null, "a")', 'upper.apply(null, ["a"])', 'upper.bind()', "(upper)('a').x.y()",
  "[].map(x => x)", "[].concat([])", "''.replace('a', x => x)", "'a'.repeat(9)", "value.toString()", 'value.valueOf()', "(x => x)(1)",
  "((a) => a.constructor)({})", '(() => this)()', '(function () { return this })()', "[upper][0]('a')", "(true ? upper : lower)('a')", '(0, upper)("a")',
  "upper`a`", 'String.raw`a`', 'value.x`a`', "value?.x?.()", 'map?.([1], x => x)()',
  // Functions where data belongs.
  'x => x', 'upper', '[upper]', '({ f: x => x })', '({ f() { return 1 } })', '({ get a() { return 1 } })', '({ set a(v) {} })', '({ async f() {} })', '({ *f() {} })',
  'async x => x', 'map([1], async x => x)', 'map([1], function (x) { return x })', 'map([1], x => { return this })', 'map([1], ({ a }) => a)',
  'map([1], (x = process) => x)', 'map([1], (...x) => x)', 'map([1], ([x]) => x)', 'map([1], x => y => x)', 'filter([1], upper)', 'map([1], value.f)',
  'map(...[[1], 2])', 'reduce([1], (a, b, c, d) => d, 0)', 'if_null(x => x, 1)', 'coalesce(1, upper)',
  // Statements, changes and operators that do more than compute.
  'value.x = 1', 'value.x += 1', 'value.x ??= 1', 'value.x++', '--value.x', 'delete value.x', 'void 0', '"a" in value', 'value instanceof value', '(1, 2)',
  'x = 1', '[value.x] = [1]', '({ x: value.x } = value)', 'new value.x()', 'new.target', 'super.x', 'yield 1', 'await value', 'class {}', 'class A extends value {}',
  '1; 2', 'if (1) 2', 'while (1) 1', 'throw 1', 'return 1', 'var x = 1', 'let x', 'debugger', '{ let x = 1 }', 'with (value) x', 'label: 1', 'a: 1',
  // Text that would break out of generated code, if it were put there as it is.
  "value.x) + process.exit(", "1)}; process.exit(); ({", '1\n}\nprocess.exit()\n{', "value['a\"]; process.exit(); [\"']()", '`${process.exit()}`', '`${`${this}`}`', "'\\u2028' + process",
  'value.#x', '#x in value', '1n', '10n ** 10n', '1_0n', '0x1fn', '1e999', '/a/', '/a/.test("a")', '/a/.source', 'matches("a", /a/y)', 'matches("a", value.pattern)', "matches('a', `a`)",
  '@value', 'value |> upper', 'value::x', '<!-- 1', '1 & 2', '1 | 2', '1 ^ 2', '~1', '1 << 2', '1 >> 2', '1 >>> 2', '<a></a>', '%DebugPrint(1)', 'value as string', 'value!',
]

/** Attempts that are expressions, but must find nothing: each gives null, or fails the record. */
export const inertAttempts: readonly string[] = [
  "value['const' + 'ructor']", "value['__pro' + 'to__']", "value['proto' + 'type']", "value.list['const' + 'ructor']", "value.text['const' + 'ructor']",
  "value.number['const' + 'ructor']", "value.time['const' + 'ructor']", 'value[`const${"ructor"}`]', "value[join(['__proto', '__'], '')]", "value[lower('CONSTRUCTOR')]",
  "value[['constructor']]", "value[{ toString: 'constructor' }]", "value[parse_json('\"constructor\"')]", "value[value.name]", "({ [value.name]: 1 })", "({ ['__proto' + '__']: { polluted: 1 } }).polluted",
  "({ [value.proto]: { polluted: 1 } })", 'value.toString', 'value.valueOf', 'value.hasOwnProperty', 'value.__defineGetter__', 'value.__lookupGetter__', 'value.list.map', 'value.list.concat', 'value.text.replace',
  'value.text.at', 'value.time.getTime', 'value.time.toJSON', 'value.number.toFixed', "value['to' + 'String']", "value.list['ma' + 'p']", "value.text['a' + 't']", "value['__define' + 'Getter__']",
  'value.list.length.toFixed', 'key.at', 'headers.toString', 'headers.hasOwnProperty', 'topic.length', 'source.toString', 'value.toString.length', 'value.toString.name', 'value.list.map.caller', 'value.list.map.call.length',
  "value['']", "value[' constructor']", "value['constructor ']", 'value.evil.at + 1', 'value.evil - 1', "'' + value.evil", '`${value.evil}`', 'value.evil > 1', '-value.evil', 'value[value.evil]', '({ [value.evil]: 1 })',
  'upper(value.evil)', "join([value.evil], '')", 'sort_by([value.evil, value.evil], x => x)', 'round(value.evil)', 'string(value.evil)', 'min(value.evil, 1)', 'iso(value.evil)',
  "match('a', /(?<constructor>b)/)", "match('a', /(?<__proto__>b)?c/)", "replace('a', 'b', value.evil)", "parse_json('{\"__proto__\": {\"polluted\": 1}}').polluted",
  "reduce(['constructor', 'constructor'], (at, name) => at[name], value)", "map(['__proto__'], name => value[name])", "reduce(entries(value.pollution), (acc, e) => ({ ...acc, [e[0]]: e[1] }), {})",
]
