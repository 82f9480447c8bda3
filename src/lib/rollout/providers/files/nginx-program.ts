import { realpath } from 'node:fs/promises';
import { resolve } from 'node:path';
import { ServiceRefused, ServiceUnavailable, systemCode } from '../../../core/errors.js';
import { readText } from '../../../core/input-file.js';
import { formatDuration } from '../../../core/units.js';
import type { NginxSpec } from '../../spec.js';
import { childEnvironment } from '../../child-environment.js';
import { nginxTokens } from './nginx-tokens.js';

/** The `nginx` executable, run with the configuration that is its own. */
export class NginxProgram {
  constructor(
    private readonly spec: NginxSpec,
    private readonly timeoutMs: number,
  ) {}

  /**
   * Has NGINX check its whole configuration, and prints it.
   * @throws ServiceRefused with NGINX's words when it is broken
   */
  async dump(signal: AbortSignal): Promise<NginxDump> {
    return readDump((await this.run(['-T'], signal)).stdout);
  }

  /** `1.22.1`; it need not run. @throws ServiceUnavailable when the program is not installed here */
  async version(signal: AbortSignal): Promise<string | undefined> {
    return /nginx\/(\S+)/.exec((await this.run(['-v'], signal)).stderr)?.[1];
  }

  async test(): Promise<void> {
    await this.run(['-t', '-q']);
  }

  async reload(): Promise<void> {
    await this.run(['-s', 'reload']);
  }

  /** The running master's number. @throws ServiceUnavailable when there is none */
  async master(dump: NginxDump, signal: AbortSignal): Promise<number> {
    const path = await this.pidFile(dump, signal);
    const content = await readText(path).catch((error: unknown) => {
      if (systemCode(error) === 'ENOENT') return '';
      throw new ServiceRefused(
        `${path}, which names NGINX's master process, cannot be read: ${systemCode(error)}`,
      );
    });
    const pid = Number(content.trim());
    if (Number.isSafeInteger(pid) && pid > 0 && isThere(pid)) return pid;
    throw new ServiceUnavailable(`NGINX is not running: ${path} names no process`, {
      code: 'NGINX_NOT_RUNNING',
      hint: 'Start it first. If it runs with another main configuration, name that as nginx.config.',
    });
  }

  private async pidFile({ pidFile }: NginxDump, signal: AbortSignal): Promise<string> {
    const built = (await this.run(['-V'], signal)).stderr;
    const option = (name: string) => new RegExp(`--${name}=(\\S+)`).exec(built)?.[1];
    return resolve(option('prefix') ?? '/usr/local/nginx', pidFile ?? option('pid-path') ?? 'logs/nginx.pid');
  }

  private async run(args: string[], signal?: AbortSignal): Promise<{ stdout: string; stderr: string }> {
    const { execa } = await import('execa');
    const { binary, config } = this.spec;
    const all = [...args, ...(config ? ['-c', config] : [])];
    // cron's PATH has no sbin.
    const places = binary.includes('/')
      ? [binary]
      : [binary, `/usr/sbin/${binary}`, `/usr/local/sbin/${binary}`];
    for (const place of places) {
      const result = await execa(place, all, {
        reject: false,
        stdin: 'ignore',
        extendEnv: false,
        // eslint-disable-next-line no-restricted-properties -- what a child inherits is the process's
        env: childEnvironment(process.env),
        timeout: this.timeoutMs,
        ...(signal ? { cancelSignal: signal } : {}),
      });
      signal?.throwIfAborted();
      if (result.exitCode === 0) return result;
      if (result.timedOut)
        throw new ServiceUnavailable(
          `nginx ${args.join(' ')} did not end within ${formatDuration(this.timeoutMs)}`,
        );
      if (result.exitCode !== undefined)
        throw new ServiceRefused(`nginx ${args.join(' ')} failed: ${firstProblem(result.stderr)}`, {
          code: 'NGINX_REFUSED',
        });
      if (result.code !== 'ENOENT')
        throw new ServiceRefused(`${place} cannot be run: ${result.code ?? result.shortMessage}`);
    }
    throw new ServiceUnavailable(`${binary} is not installed here`, {
      code: 'NGINX_NOT_FOUND',
      hint: 'Name the executable as nginx.binary.',
    });
  }
}

export interface NginxDump {
  /** As they were included. */
  readonly files: readonly string[];
  /** As it is written in the main configuration. */
  readonly pidFile: string | undefined;
}

/** What `nginx -T` prints: every file behind a comment with its name, in the order they are read. */
export function readDump(text: string): NginxDump {
  const files: string[] = [];
  let pidFile: string | undefined;
  let depth = 0;
  let statement: string[] = [];
  for (const token of nginxTokens(text)) {
    if (token.kind === 'comment') {
      const file = /^# configuration file (.+):$/.exec(token.text)?.[1];
      if (file) files.push(file);
    } else if (token.kind === 'word') {
      statement.push(token.text);
    } else {
      if (token.kind === ';' && depth === 0 && statement[0] === 'pid') pidFile ??= statement[1];
      if (token.kind === '{') depth++;
      if (token.kind === '}') depth--;
      statement = [];
    }
  }
  return { files, pidFile };
}

export async function includes({ files }: NginxDump, path: string): Promise<boolean> {
  const real = await Promise.all(files.map((file) => realpath(file).catch(() => file)));
  return real.includes(path);
}

/** The worst line that NGINX wrote, without what it always begins with. */
function firstProblem(stderr: string): string {
  const lines = stderr.split('\n').filter((line) => line !== '');
  const line =
    lines.find((text) => /\[(emerg|crit|alert|error)\]/.test(text)) ?? lines[0] ?? 'it did not say why';
  return line.replace(/^nginx: (\[\w+\] )?/, '');
}

function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    if (systemCode(error) !== 'EPERM') return false;
    throw new ServiceRefused(`NGINX's master process ${pid} may not be signalled: permission denied`, {
      hint: 'Run metrify as the user who started NGINX.',
    });
  }
}
