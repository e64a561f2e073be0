import { z } from 'zod'

const topicPattern = /^(?!\.{1,2}$)[A-Za-z0-9._-]+$/
const maxTopicLength = 249

export function topicName() {
  return z
    .string()
    .regex(topicPattern, 'the name of a topic has letters, digits, ".", "_" and "-"')
    .max(maxTopicLength)
}
