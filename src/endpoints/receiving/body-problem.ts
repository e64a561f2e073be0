/** Why a body is not taken. Nothing of its request is stored then. */
export class BodyProblem {
  readonly status: 400 | 413 | 415
  readonly code: string
  readonly detail: string

  constructor(status: BodyProblem['status'], code: string, detail: string) {
    this.status = status
    this.code = code
    this.detail = detail
  }
}
