import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync } from 'node:fs';
import { join } from 'node:path';

/** Makes `here` (for 127.0.0.1), `elsewhere` (for elsewhere.example) and `expired`: each NAME.pem, self-signed, and NAME.key. */
export function makeCertificates(directory: string): void {
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: directory, stdio: 'pipe' });
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
  for (const [name, subject] of [
    ['here', 'IP:127.0.0.1'],
    ['elsewhere', 'DNS:elsewhere.example'],
  ])
    openssl(
      ...['req', '-x509', ...key, '-subj', `/CN=${name}`, '-addext', `subjectAltName=${subject}`],
      ...['-keyout', `${name}.key`, '-out', `${name}.pem`],
    );
  openssl('x509', '-in', 'here.pem', '-signkey', 'here.key', '-days', '-1', '-out', 'expired.pem');
  copyFileSync(join(directory, 'here.key'), join(directory, 'expired.key'));
}

/**
 * Makes certificates that an authority has signed: each NAME.pem and NAME.key, for NAME.example and 127.0.0.1. The authority is
 * made where it is not there yet; all of them have the same name.
 */
export function makeSigned(directory: string, authority: string, ...names: readonly string[]): void {
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: directory, stdio: 'pipe' });
  const make = (name: string, ...more: string[]) =>
    openssl(
      ...[
        'req',
        '-x509',
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:prime256v1',
        '-nodes',
        '-days',
        '2',
      ],
      ...['-keyout', `${name}.key`, '-out', `${name}.pem`, ...more],
    );
  if (!existsSync(join(directory, `${authority}.pem`))) make(authority, '-subj', '/CN=test authority');
  for (const name of names)
    make(
      name,
      ...['-subj', `/CN=${name}`, '-CA', `${authority}.pem`, '-CAkey', `${authority}.key`],
      ...['-addext', `subjectAltName=DNS:${name}.example,IP:127.0.0.1`],
      // An impostor would not say whose key has signed it.
      ...['-addext', 'authorityKeyIdentifier=none'],
    );
}
