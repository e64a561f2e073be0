/** What JavaScript has and expressions have not, in words. Nodes that are not here are refused, too. */
export const refusedNodes: Readonly<Record<string, string>> = {
  ArrowFunctionExpression:
    'a function stands only as an argument of a list function, as in map(value.items, item => item.price)',
  AssignmentExpression: 'nothing can be assigned; for equality write ==',
  AwaitExpression: 'await is not allowed',
  ClassExpression: 'classes are not allowed',
  FunctionExpression: 'functions are written with =>, as arguments of list functions only',
  ImportExpression: 'import is not allowed',
  MetaProperty: 'import.meta and new.target are not allowed',
  NewExpression: 'new is not allowed',
  SequenceExpression: 'a comma between expressions is not allowed',
  TaggedTemplateExpression: 'a tag before a template is not allowed',
  ThisExpression: 'this is not allowed; the record is value, key, headers ...',
  UpdateExpression: '++ and -- are not allowed',
  YieldExpression: 'yield is not allowed',
}

export const arithmeticOperators = ['+', '-', '*', '/', '%', '**'] as const
export const comparisonOperators = ['<', '<=', '>', '>=', '==', '!=', '===', '!=='] as const
