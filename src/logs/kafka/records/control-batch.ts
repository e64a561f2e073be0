import { VarintReader } from './varint-reader.ts'

/** The key of a control record: i16 version, i16 type. */
const keyBytes = 4
const abortType = 0

/** Whether the one record of a control batch is the marker of an aborted transaction. */
export function isAbortMarker(section: Buffer): boolean {
  const cursor = new VarintReader(section)
  cursor.varint()
  cursor.at += 1
  cursor.varlong()
  cursor.varint()
  const size = cursor.varint()
  return (
    size >= keyBytes &&
    cursor.at + keyBytes <= section.length &&
    section.readInt16BE(cursor.at + 2) === abortType
  )
}
