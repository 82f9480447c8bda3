import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const program = fileURLToPath(new URL('known-service.js', import.meta.url));

export interface KnownProcess {
  readonly url: string;
  readonly pid: number;
  readonly stop: () => void;
}

/** A process with a server whose faults are known. */
export async function knownProcess(): Promise<KnownProcess> {
  const child = spawn(process.execPath, [program], { stdio: ['pipe', 'pipe', 'inherit'] });
  const [port] = (await once(child.stdout, 'data')) as [Buffer];
  return {
    url: `http://127.0.0.1:${String(port).trim()}`,
    pid: child.pid!,
    stop: () => void child.kill(),
  };
}
