import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { join } from 'node:path'
import { lastLines, runCommand } from './run-command.ts'
import type { Certificates } from './test-broker.ts'

/** Elliptic curves: a key of RSA takes long to make. */
const newKey = '-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes'
const days = '-days 2'

/** A CA with a server certificate for the host and this machine, a client certificate, and a CA that has nothing to do with them. */
export async function makeCertificates(folder: string, host: string): Promise<Certificates> {
  mkdirSync(folder, { recursive: true })
  for (const ca of ['ca', 'other-ca']) {
    const usage = '-addext keyUsage=critical,keyCertSign,cRLSign'
    await openssl(
      folder,
      `req -x509 ${newKey} -keyout ${ca}.key -subj /CN=${ca} ${days} ${usage} -out ${ca}.pem`,
    )
  }
  const own = isIP(host) === 0 ? `DNS:${host}` : `IP:${host}`
  const names = `subjectAltName=DNS:localhost,IP:127.0.0.1,${own}`
  writeFileSync(join(folder, 'extensions'), `${names}\nbasicConstraints=CA:FALSE\n`)
  for (const [serial, name] of ['server', 'client'].entries()) {
    await openssl(folder, `req ${newKey} -keyout ${name}.key -subj /CN=${name} -out ${name}.csr`)
    await openssl(
      folder,
      `x509 -req -in ${name}.csr ${days} -extfile extensions -CA ca.pem -CAkey ca.key -set_serial ${serial + 1} -out ${name}.pem`,
    )
  }
  const server = ['server.key', 'server.pem'].map((name) =>
    readFileSync(join(folder, name), 'utf8'),
  )
  writeFileSync(join(folder, 'server-identity.pem'), server.join(''))
  return {
    ca: join(folder, 'ca.pem'),
    otherCa: join(folder, 'other-ca.pem'),
    serverIdentity: join(folder, 'server-identity.pem'),
    clientCertificate: join(folder, 'client.pem'),
    clientKey: join(folder, 'client.key'),
  }
}

async function openssl(folder: string, commandLine: string): Promise<void> {
  const { code, stderr } = await runCommand('openssl', commandLine.split(' '), { cwd: folder })
  if (code !== 0) throw new Error(`openssl ${commandLine}: ${lastLines(stderr)}`)
}
