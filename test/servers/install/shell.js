import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { cacheFolder } from '../cache-folder.js';

export function say(line) {
  process.stdout.write(`${line}\n`);
}

/** Whether a command exists and ends well. */
export function runs(command, ...args) {
  return spawnSync(command, args, { stdio: 'ignore' }).status === 0;
}

/** Runs a command that loads something, up to three times; what it says goes to our stderr. */
export function load(command, args, options = {}) {
  for (let attempt = 1; ; attempt++) {
    try {
      return execFileSync(command, args, { stdio: ['ignore', process.stderr, 'inherit'], ...options });
    } catch (error) {
      if (attempt === 3) throw error;
      say(`${command}: attempt ${attempt} failed, trying again`);
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, attempt * 5_000);
    }
  }
}

/**
 * Makes a folder of the cache: `fill(work, result)` loads into the folder `work` and leaves what is wanted in `result`,
 * which gets its name when it is whole. Says what it did; a failure is only said.
 */
export function intoCache(name, version, folder, fill) {
  if (existsSync(folder)) return say(`${name}: in the cache`);
  mkdirSync(dirname(folder), { recursive: true });
  const work = mkdtempSync(join(cacheFolder(), 'download-'));
  try {
    const result = join(work, 'result');
    mkdirSync(result);
    fill(work, result);
    renameSync(result, folder);
    say(`${name}: version ${version} is in the cache`);
  } catch (error) {
    say(`${name}: not loaded: ${error.message.split('\n')[0]}`);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
