import { systemClock } from '../../../src/lib/core/clock.js';
import { type FileSpec, openFileProvider } from '../../../src/lib/rollout/providers/files/open.js';

/** A process that changes weights without end, each time with a state that says them, until it is killed. */
const spec = JSON.parse(process.argv[2]!) as FileSpec;
const { signal } = new AbortController();
const { route } = await openFileProvider(spec, { clock: systemClock, requestTimeoutMs: 20_000 });
let view = await route.read(signal);
process.send!('ready');
for (let canary = 1; ; canary = (canary % 99) + 1) {
  const weights = { stable: 100 - canary, canary };
  view = await route.commit(view, { weights, state: JSON.stringify({ weights }) }, signal);
}
