import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { makeDirectory } from './directories.js';

export interface Certificates {
  /** The authority's certificate, for who is to trust the server. */
  readonly ca: string;
  readonly certificate: string;
  readonly key: string;
}

/** A certificate for 127.0.0.1 by an authority of its own, as files that end with the test process. */
export function makeCertificates(): Certificates {
  const directory = makeDirectory();
  const [ca, caKey, certificate, key, request] = ['ca.pem', 'ca.key', 'server.pem', 'server.key', 'server.csr'].map(
    (name) => join(directory, name),
  ) as [string, string, string, string, string];
  const openssl = (...args: string[]) => execFileSync('openssl', args, { stdio: 'pipe' });
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  openssl('req', '-x509', ...newKey, '-days', '2', '-subj', '/CN=test authority', '-keyout', caKey, '-out', ca);
  openssl(
    'req',
    ...newKey,
    '-subj',
    '/CN=127.0.0.1',
    '-addext',
    'subjectAltName=IP:127.0.0.1',
    '-keyout',
    key,
    '-out',
    request,
  );
  openssl(
    'x509',
    '-req',
    '-in',
    request,
    '-CA',
    ca,
    '-CAkey',
    caKey,
    '-days',
    '2',
    '-copy_extensions',
    'copy',
    '-out',
    certificate,
  );
  return { ca, certificate, key };
}
