import { execFileSync } from 'node:child_process';
import { copyFileSync } from 'node:fs';
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
