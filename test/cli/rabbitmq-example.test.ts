import { expect, it } from 'vitest'
import { runProgram } from '../../src/cli/program.ts'
import { aCliEnvironment } from './cli-environment.ts'

it('the tests of pipelines/rabbitmq.yaml pass without a server', async () => {
  const environment = aCliEnvironment()
  expect(await runProgram(['test', 'pipelines/rabbitmq.yaml'], environment)).toBe(0)
  expect(environment.stdout.text + environment.stderr.text).toContain('2 passed, 0 failed')
})
