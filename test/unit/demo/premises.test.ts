import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { Premises } from '../../../src/lib/demo/premises.js';

const node = process.execPath;
const env = process.env;
let parent: string;

beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), 'metrify-premises-'));
});
afterEach(() => rm(parent, { recursive: true, force: true }));

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe('Premises', () => {
  it('keeps what a process prints and how it ended', async () => {
    const premises = await Premises.open(parent);
    const child = await premises.start(
      node,
      ['-e', 'console.log("out"); console.error("err"); process.exit(7)'],
      { env },
    );
    expect(await child.ended).toEqual({ code: 7, signal: null });
    expect([child.stdout(), child.stderr()]).toEqual(['out\n', 'err\n']);
    await premises.close();
  });

  it('stops its processes, also one that ignores SIGINT, and removes its folder', async () => {
    const premises = await Premises.open(parent);
    const tame = await premises.start(node, ['-e', 'setInterval(() => {}, 1e6)'], { env });
    const stubborn = await premises.start(
      node,
      ['-e', 'process.on("SIGINT", () => {}); console.log("up"); setInterval(() => {}, 1e6)'],
      { env },
    );
    await vi.waitFor(() => expect(stubborn.stdout()).toBe('up\n'), { timeout: 60_000 });
    await writeFile(join(premises.folder, 'file'), 'x');
    await premises.close();
    expect(await stubborn.ended).toEqual({ code: null, signal: 'SIGKILL' });
    expect(await tame.ended).toEqual({ code: null, signal: 'SIGINT' });
    expect(existsSync(premises.folder)).toBe(false);
    expect(premises.pids).toHaveLength(3);
    expect(premises.pids.filter(alive)).toEqual([]);
    await premises.close();
  });

  it('says which program cannot be started', async () => {
    const premises = await Premises.open(parent);
    await expect(premises.start('/no/such/program', [], { env })).rejects.toThrow(
      '/no/such/program could not be started',
    );
    await premises.close();
  });

  it('are tidied by the keeper when their process is killed', async () => {
    const source = new URL('../../../src/lib/demo/premises.ts', import.meta.url).href;
    const script = `
      import { Premises } from '${source}';
      const premises = await Premises.open(process.argv[1]);
      const gone = await premises.start(process.execPath, ['-e', '0'], { env: process.env });
      await gone.ended;
      await premises.start(process.execPath, ['-e', 'setInterval(() => {}, 1e6)'], { env: process.env });
      console.log(JSON.stringify({ folder: premises.folder, pids: premises.pids }));
      setInterval(() => {}, 1e6);`;
    const owner = spawn(node, ['--import', 'tsx', '--input-type=module', '-e', script, parent], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const line = await new Promise<string>((resolve) =>
      owner.stdout.once('data', (data) => resolve(String(data))),
    );
    const { folder, pids } = JSON.parse(line) as { folder: string; pids: number[] };
    const [keeper, ended, running] = pids as [number, number, number];
    expect([keeper, ended, running].map(alive)).toEqual([true, false, true]);
    owner.kill('SIGKILL');
    await vi.waitFor(
      () => {
        expect(existsSync(folder)).toBe(false);
        expect(alive(keeper)).toBe(false);
        expect(alive(running)).toBe(false);
      },
      { timeout: 60_000 },
    );
  });
});
