import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';

import { UserError } from '../core/errors.js';
import { counted, formatCount } from '../core/units.js';
import type { LoadPlan } from './generator.js';

/** Descriptors of the process itself and of each of its threads. */
const ownDescriptors = 50;
const descriptorsOfThread = 10;

/** What this machine lets one process have. Undefined where it does not say: anywhere but on Linux. */
export interface Limits {
  readonly descriptors: number | undefined;
  /** Ports from which connections to one address may come. */
  readonly ports: number | undefined;
}

/**
 * Refuses a plan that needs more connections than this machine can have, or fewer than it has threads, before anything is
 * sent: their failures would look like the server's.
 * @param warn told of what may be too much
 * @throws UserError `TOO_MANY_CONNECTIONS`, `TOO_MANY_THREADS`
 */
export async function checkLimits(
  plan: LoadPlan,
  warn: (message: string) => void,
  limits?: Limits,
): Promise<void> {
  const { descriptors, ports } = limits ?? (await limitsHere());
  const { maxConnections, threads, targets } = plan;
  if (threads > maxConnections)
    throw new UserError(`${threads} threads cannot share ${counted(maxConnections, 'connection')}`, {
      code: 'TOO_MANY_THREADS',
      hint: 'Give as many --connections as --threads, or more.',
    });
  const wanted = maxConnections * targets.length;
  const free = (descriptors ?? Infinity) - ownDescriptors - descriptorsOfThread * threads;
  if (wanted > free)
    throw new UserError(
      `${formatCount(wanted)} connections need more descriptors than this process may have (${formatCount(descriptors!)})`,
      {
        code: 'TOO_MANY_CONNECTIONS',
        hint: `Give --connections ${Math.max(1, Math.floor(free / targets.length))}, or raise the limit: ulimit -Hn.`,
      },
    );
  for (const { host, socketPath, addresses } of targets) {
    if (socketPath !== undefined || ports === undefined) continue;
    const most = ports * (addresses?.length ?? 1);
    if (maxConnections <= most) continue;
    const message = `${formatCount(maxConnections)} connections to ${host} need more ports than there are for ${addresses && addresses.length > 1 ? 'its addresses' : 'one address'} (${formatCount(most)})`;
    // A name may have several.
    if (addresses === undefined && isIP(host) === 0) warn(message);
    else
      throw new UserError(message, {
        code: 'TOO_MANY_CONNECTIONS',
        hint: `Give --connections ${most}, or widen net.ipv4.ip_local_port_range.`,
      });
  }
}

async function limitsHere(): Promise<Limits> {
  const [open, range] = await Promise.all([
    read('/proc/self/limits'),
    read('/proc/sys/net/ipv4/ip_local_port_range'),
  ]);
  const most = /^Max open files +(\d+)/m.exec(open)?.[1];
  const [, first, last] = /^(\d+)\s+(\d+)/.exec(range) ?? [];
  return {
    descriptors: most === undefined ? undefined : Number(most),
    ports: first === undefined ? undefined : Number(last) - Number(first) + 1,
  };
}

/** Empty where there is no such file: other systems have no /proc. */
async function read(path: string): Promise<string> {
  return readFile(path, 'latin1').catch(() => '');
}
