/** A setting of a connection to Kafka, by its name in a pipeline file. */
export type ConnectionSetting =
  | 'brokers'
  | 'tls'
  | 'tls.ca'
  | 'tls.cert'
  | 'tls.key'
  | 'tls.server_name'
  | 'tls.insecure_skip_verify'
  | 'sasl'
  | 'sasl.mechanism'
  | 'sasl.username'
  | 'sasl.password'
  | 'allow_plaintext_password'

/** How messages call a setting: it may come from a file, a variable or the command line. */
export type NameSetting = (setting: ConnectionSetting) => string
