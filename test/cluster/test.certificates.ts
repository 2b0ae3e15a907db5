import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { generate } from 'selfsigned';
import { makeDirectory } from './directories.js';

export interface Certificate {
  /** Of the server, and at the same time of the authority that a client must trust. */
  readonly certificate: string;
  readonly key: string;
}

/** A certificate for 127.0.0.1 that vouches for itself, as files that end with the test process. */
export async function makeCertificate(): Promise<Certificate> {
  const { cert, private: privateKey } = await generate([{ name: 'commonName', value: '127.0.0.1' }], {
    keyType: 'ec',
    algorithm: 'sha256',
    extensions: [
      { name: 'basicConstraints', cA: true },
      { name: 'subjectAltName', altNames: [{ type: 7, ip: '127.0.0.1' }] },
    ],
  });
  const directory = makeDirectory();
  const certificate = join(directory, 'server.pem');
  const key = join(directory, 'server.key');
  writeFileSync(certificate, cert);
  writeFileSync(key, privateKey);
  return { certificate, key };
}
