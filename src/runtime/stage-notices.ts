/**
 * What the tasks of one stage have to say to users. They meet the same trouble at the same time: it is said
 * once, and again only after something else was said.
 */
export function stageNotices(notice: (message: string) => void): (message: string) => void {
  let last: string | null = null
  return (message) => {
    if (message === last) return
    last = message
    notice(message)
  }
}
