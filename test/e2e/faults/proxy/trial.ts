import { expect } from 'vitest';

import { seeded, type Random } from '../../../random.js';
import { temporaryDirectory, type TemporaryDirectory } from '../../../servers/process.js';
import { metrify, type Finished } from '../../run.js';
import { drawFault, isHonest, type Fault, type Traffic } from './fault.js';
import { FaultProxy } from './fault-proxy.js';
import type { Errand, Place, System } from './system.js';

const timeoutMs = 20_000;
/** How much later it has left at the latest. */
const tidyingMs = 10_000;
/** For a machine on which starting a process takes long. */
const slackMs = 10_000;

export interface Outcome {
  /** What did not hold, and all that was printed; undefined when everything did. */
  readonly problem?: string;
  readonly fault: Fault;
  readonly struck: boolean;
  readonly code: number | null;
}

/** A system's servers behind their proxies: one run at a time. */
export class Bench {
  private constructor(
    private readonly folder: TemporaryDirectory,
    private readonly place: Place,
    private readonly proxies: readonly FaultProxy[],
    private readonly extras: readonly (readonly string[])[],
  ) {}

  static async open(system: System): Promise<Bench> {
    const proxies: FaultProxy[] = [];
    const extras: (readonly string[])[] = [];
    const folder = await temporaryDirectory('proxy');
    const place = await system.open(folder.path, async (port, replies) => {
      const proxy = await FaultProxy.start(port);
      proxies.push(proxy);
      extras.push(replies);
      return proxy.port;
    });
    return new Bench(folder, place, proxies, extras);
  }

  get verbs(): readonly string[] {
    return Object.keys(this.place.verbs);
  }

  /** What the verb sends and receives when nothing goes wrong, by server. */
  async rehearse(verb: string): Promise<readonly Traffic[]> {
    for (const proxy of this.proxies) proxy.arm(undefined, Math.random);
    const errand = await this.place.verbs[verb]!();
    const end = await this.#run(errand);
    await errand.check({ end, fault: undefined, honest: true, again: () => this.#run(errand) });
    expect([0, 3, 6], end.stderr).toContain(end.code);
    return this.proxies.map((proxy) => proxy.traffic);
  }

  /** The verb with a fault drawn from the seed, at some instant of that traffic. */
  try(verb: string, traffic: readonly Traffic[], seed: number): Promise<Outcome> {
    const random = seeded(seed);
    return this.disturb(verb, drawFault(random, { traffic, extras: this.extras }), random);
  }

  async disturb(verb: string, fault: Fault, random: Random): Promise<Outcome> {
    const errand = await this.place.verbs[verb]!();
    for (const [i, proxy] of this.proxies.entries())
      proxy.arm(i === fault.server ? fault : undefined, random);
    const started = performance.now();
    const end = await this.#run(errand);
    const ms = performance.now() - started;
    const struck = this.proxies[fault.server]!.strikes > 0;
    for (const proxy of this.proxies) proxy.arm(undefined, random);
    const outcome = { fault, struck, code: end.code };
    try {
      endsWell(end, ms);
      await errand.check({ end, fault, honest: isHonest(fault), again: () => this.#run(errand) });
      if (!struck) expect([0, 3, 6], end.stderr).toContain(end.code);
      return outcome;
    } catch (error) {
      return {
        problem: `${(error as Error).message}\nexit ${end.code}\n${end.stdout}\n${end.stderr}`,
        ...outcome,
      };
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.proxies.map((proxy) => proxy.stop()));
    await this.place.close?.();
    await this.folder.remove();
  }

  #run({ args, cwd }: Errand): Promise<Finished> {
    return metrify([...args, '--json', '--timeout', `${timeoutMs}ms`], {
      env: {
        ...this.place.env,
        METRIFY_REQUEST_TIMEOUT: '4s',
        METRIFY_CONNECT_TIMEOUT: '3s',
      },
      timeoutMs: timeoutMs + tidyingMs + 2 * slackMs,
      ...(cwd === undefined ? {} : { cwd }),
    });
  }
}

/** Whatever a server does: no bug, no hang, and an answer that a script can read. */
function endsWell(end: Finished, ms: number): void {
  expect(end.signal).toBeNull();
  expect(ms).toBeLessThan(timeoutMs + tidyingMs + slackMs);
  expect(end.stderr).not.toMatch(/a bug in metrify|\n\s+at \S+.*:\d+/);
  expect([0, 3, 4, 5, 6, 7, 124]).toContain(end.code);
  if ([0, 3, 6, 7].includes(end.code!)) {
    expect(end.json().exitCode).toBe(end.code);
    return;
  }
  const { error } = JSON.parse(end.stderr.trim().split('\n').at(-1)!) as { error: Record<string, string> };
  expect(error).toMatchObject({ code: expect.any(String), message: expect.any(String) });
  if (end.stdout !== '') expect(end.json().exitCode).toBe(end.code);
}
