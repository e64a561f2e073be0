import type { Socket } from 'node:net'

/**
 * Lines of a socket, without their ends, as they come.
 * @throws RangeError when a line has more than `maxChars` characters.
 */
export async function* socketLines(socket: Socket, maxChars: number): AsyncGenerator<string> {
  socket.setEncoding('utf8')
  let parts: string[] = []
  let length = 0
  for await (const chunk of socket as AsyncIterable<string>) {
    let from = 0
    for (let end = chunk.indexOf('\n'); end !== -1; end = chunk.indexOf('\n', from)) {
      parts.push(chunk.slice(from, end))
      yield parts.join('')
      parts = []
      length = 0
      from = end + 1
    }
    parts.push(chunk.slice(from))
    length += chunk.length - from
    if (length > maxChars) throw new RangeError(`a line has more than ${maxChars} characters`)
  }
}
