import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { expression } from '../../src/core/config-types.ts'
import { defineStateless } from '../../src/core/operator.ts'
import { definitionPage } from '../../src/docgen/definition-page.ts'
import { definitions } from '../spec/fixture-definitions.ts'

describe('the page of a definition', () => {
  it('shows the setting, its table and each example as it stands in a file', () => {
    const keepIf = defineStateless({
      type: 'keep-if',
      kind: 'stateless',
      summary: 'Keeps some records.',
      config: z.strictObject({ when: expression().describe('Which ones.') }),
      examples: [
        {
          title: 'Those with a name',
          config: { when: "value.name != 'a: b'" },
          input: [{ name: 'x' }, { name: 'a: b' }],
          output: [{ name: 'x' }],
        },
      ],
      create: () => ({ process: (record, context) => context.emit(record) }),
    })
    expect(definitionPage('operators', keepIf)).toBe(`# keep-if

Keeps some records.

## Setting

Type: map.

| setting | type | default | |
| --- | --- | --- | --- |
| \`when\` | expression | required | Which ones. |

Beside it: \`if\`: The step is left out for records for which this does not hold. \`id\`: Names the state of the step; by default the operator, then \`OPERATOR-2\`.

## Those with a name

\`\`\`yaml
- keep-if:
    when: "value.name != 'a: b'"
\`\`\`

in:

\`\`\`json
{"name":"x"}
{"name":"a: b"}
\`\`\`

out:

\`\`\`json
{"name":"x"}
\`\`\`
`)
  })

  it('says where a bare name is enough, and what a sink promises', () => {
    const drop = definitions.sinks.find(({ type }) => type === 'drop')!
    const page = definitionPage('sinks', drop)
    expect(page).toContain('It can be written as a bare name: `drop`.')
    expect(page).toContain('After a crash it can write records again.')
  })
})
