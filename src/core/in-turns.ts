/**
 * Handles messages of another thread in turns of the event loop of their own. Node hands out all that
 * a port receives before it lets anything else happen, also what comes in meanwhile: work done while
 * a message is handed out would keep timers, signals and other ports waiting for seconds.
 */
export function inTurns<Message>(handle: (message: Message) => void): (message: Message) => void {
  let waiting: Message[] = []
  const handleWaiting = () => {
    const messages = waiting
    waiting = []
    for (const message of messages) handle(message)
  }
  return (message) => {
    if (waiting.length === 0) setImmediate(handleWaiting)
    waiting.push(message)
  }
}
