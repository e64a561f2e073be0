/** `62 %`; a share that is not nothing is never shown as 0. */
export function showPercent(share: number): string {
  const percent = Math.round(100 * share)
  return percent === 0 && share > 0 ? 'under 1 %' : `${percent} %`
}
