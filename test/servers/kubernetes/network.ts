import { execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { promisify } from 'node:util';

const run = promisify(execFile);
const ENVIRONMENT = { ...process.env, PATH: `${process.env['PATH']}:/usr/sbin:/sbin` };

const PREFIX = 'metrify-';
const FIRST = 128;
const LAST = 250;

export interface Network {
  /** The network namespace. */
  readonly name: string;
  /** Where servers inside of it listen; reached from this machine only. */
  readonly address: string;
  /** All of its addresses are local inside the namespace, and routed to from this machine. */
  readonly podCidr: string;
  /** An address of the pods' range that no pod gets. */
  readonly nodeAddress: string;
  /** The command line that runs a program inside; the process keeps its pid. */
  inside(
    program: string,
    args: readonly string[],
  ): { command: string; args: string[]; env: NodeJS.ProcessEnv };
  remove(): Promise<void>;
}

/** Ends whatever is left in the namespace, and the namespace, when its owner dies without removing it. */
const GUARD = `
trap '' INT TERM HUP
read -r word
[ "$word" = released ] && exit 0
sleep 3
for pid in $(ip netns pids "$1"); do kill -KILL "$pid"; done
ip link del "$2"; ip netns del "$1"
rm -rf "$3"
`;

/** A network namespace in which every pod address is local. Removes `directory` too when this process dies. Needs root. */
export async function createNetwork(directory: string): Promise<Network> {
  await sweep();
  const name = `${PREFIX}${process.pid}-${randomBytes(4).toString('hex')}`;
  await ip('netns', 'add', name);
  try {
    const number = await claim(name);
    const link = `metrify${number}`;
    const address = `172.31.${number}.2`;
    const podCidr = `10.${number}.0.0/16`;
    await ip('addr', 'add', `172.31.${number}.1/30`, 'dev', link);
    await ip('link', 'set', link, 'up');
    await ip('-n', name, 'link', 'set', 'lo', 'up');
    await ip('-n', name, 'addr', 'add', `${address}/30`, 'dev', 'eth0');
    await ip('-n', name, 'link', 'set', 'eth0', 'up');
    await ip('-n', name, 'route', 'add', 'local', podCidr, 'dev', 'lo');
    await ip('route', 'add', podCidr, 'via', address);
    const guard = spawn('sh', ['-c', GUARD, 'guard', name, link, directory], {
      stdio: ['pipe', 'ignore', 'ignore'],
      detached: true,
      env: ENVIRONMENT,
    });
    guard.stdin.on('error', () => undefined);
    guard.unref();
    return {
      name,
      address,
      podCidr,
      nodeAddress: `10.${number}.255.254`,
      inside: (program, args) => ({
        command: 'ip',
        args: ['netns', 'exec', name, program, ...args],
        env: ENVIRONMENT,
      }),
      async remove() {
        await ip('link', 'del', link);
        await ip('netns', 'del', name);
        guard.stdin.end('released\n');
      },
    };
  } catch (error) {
    await ip('netns', 'del', name);
    throw error;
  }
}

async function ip(...args: string[]): Promise<string> {
  return (await run('ip', args, { env: ENVIRONMENT })).stdout;
}

/** Two runs at once get different numbers: the kernel refuses a second link of the same name. */
async function claim(name: string): Promise<number> {
  const routes = await ip('-4', 'route', 'show', 'table', 'all');
  const count = LAST - FIRST + 1;
  const start = Math.floor(Math.random() * count);
  for (let step = 0; step < count; step++) {
    const number = FIRST + ((start + step) % count);
    if (routes.includes(`10.${number}.`) || routes.includes(`172.31.${number}.`)) continue;
    try {
      await ip('link', 'add', `metrify${number}`, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', name);
      return number;
    } catch (error) {
      if (!String(error).includes('File exists')) throw error;
    }
  }
  throw new Error(`all ${count} networks of the tests are in use; see ip netns list`);
}

/** Removes what a killed run left when even its guard was killed: a namespace whose owner is gone and in which nothing runs. */
async function sweep(): Promise<void> {
  const names = (await ip('netns', 'list')).split('\n').map((line) => line.split(' ')[0]!);
  for (const name of names.filter((each) => each.startsWith(PREFIX))) {
    try {
      process.kill(Number(name.split('-')[1]), 0);
    } catch {
      const pids = await ip('netns', 'pids', name).catch(() => 'unknown');
      if (pids.trim() === '') await ip('netns', 'del', name).catch(() => undefined);
    }
  }
}
