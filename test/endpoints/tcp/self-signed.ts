import { execFileSync } from 'node:child_process'
import { aFolder } from '../endpoint-fixture.ts'

/** A certificate for localhost and its key, as paths of PEM files. */
export function selfSigned(): { readonly cert: string; readonly key: string } {
  const { path } = aFolder()
  const [cert, key] = [`${path}/cert.pem`, `${path}/key.pem`]
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1']
  const files = ['-keyout', key, '-out', cert, '-days', '2']
  execFileSync('openssl', ['req', '-x509', ...curve, ...names, ...files], { stdio: 'ignore' })
  return { cert, key }
}
