import { execFileSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import os from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { type NginxServer, startNginx } from '../../test/servers/nginx.js';
import type { Bench } from './bench.js';
import { shell } from './run.js';

export const metrifyProgram = fileURLToPath(new URL('../../dist/metrify.cjs', import.meta.url));
export const autocannonProgram = fileURLToPath(
  new URL('../../node_modules/autocannon/autocannon.js', import.meta.url),
);

/** Debian's NGINX as it comes, a worker a core, that answers with 100 bytes and keeps no log. */
export async function hundredBytes(bench: Bench): Promise<NginxServer> {
  const nginx = await startNginx({
    workers: os.availableParallelism(),
    server: `access_log off; location / { default_type text/plain; return 200 "${'x'.repeat(100)}"; }`,
  });
  bench.closing(() => nginx.stop());
  return nginx;
}

/** The program's path, or undefined with a word about it. vegeta is also looked for where `go install` puts it. */
export function findPeer(bench: Bench, name: string, hint: string): string | undefined {
  try {
    const path = execFileSync('bash', ['-c', `PATH="$PATH:$HOME/go/bin" command -v ${name}`], {
      encoding: 'utf8',
    });
    return path.trim();
  } catch {
    bench.say(`  ${name} is not installed, and left out: ${hint}`);
    return undefined;
  }
}

export interface Measured {
  readonly stdout: string;
  /** Of the process with its threads, user and system. */
  readonly cpuSeconds: number;
}

/** Runs a command line, and reads its CPU time. */
export async function measured(bench: Bench, command: string): Promise<Measured> {
  const [out, cpu] = ['measured.out', 'measured.cpu'].map((name) => join(bench.directory, name));
  await shell(`TIMEFORMAT='%3U %3S'; { time ${command} > ${out} 2> ${out}.err; } 2> ${cpu}`, { bench });
  const [user, system] = (await readFile(cpu!, 'utf8')).trim().split(' ').map(Number);
  return { stdout: await readFile(out!, 'utf8'), cpuSeconds: user! + system! };
}
