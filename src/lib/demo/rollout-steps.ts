import { join } from 'node:path';

import { writeFileInPlace } from '../core/files.js';
import { counted, formatCount } from '../core/units.js';
import { routeFile, type Router, startRouter } from './router.js';
import { type CommandReport, type Stage, stepGroup } from './stage.js';

const versions = [
  { name: 'v1', failing: 0, takesMs: 4 },
  { name: 'v2', failing: 0, takesMs: 4 },
  { name: 'v3', failing: 0.1, takesMs: 4 },
];
/** Exit code of a canary that was rejected, with all traffic on stable again. */
const rejected = 3;

interface Rollout {
  stable: string;
  canary: string;
  exitCode: number;
  /** Requests of users meanwhile, by the version that answered, and how many of the answers were errors. */
  answered: Record<string, number>;
  failed: number;
}

/** Requests of users a second, and how long there are some at the most. */
const usage = { rate: 200, durationMs: 10 * 60_000 };

interface RolloutState {
  router?: Router;
  rollouts: Rollout[];
}

/** A good version promoted and a bad one rejected, while somebody uses the service. */
export const rolloutSteps = stepGroup({
  name: 'rollout',
  state: (): RolloutState => ({ rollouts: [] }),
  steps: [
    {
      title: 'promote a good version',
      async run(stage, state) {
        await writeFileInPlace(join(stage.desk, 'route.json'), routeFile(versions.map(({ name }) => name)));
        const router = await startRouter(join(stage.desk, 'route.json'), versions);
        stage.closing(() => router.close());
        state.router = router;
        stage.narrator.line('Three versions of the service run behind a router; v1 has all the traffic.');
        return rollOut(stage, state, 'v1', 'v2', 0);
      },
    },
    {
      title: 'reject a bad one',
      run: (stage, state) => rollOut(stage, state, 'v2', 'v3', rejected),
    },
  ],
  summary: ({ rollouts }) => rollouts,
});

async function rollOut(
  stage: Stage,
  state: RolloutState,
  stable: string,
  canary: string,
  exitCode: number,
): Promise<CommandReport> {
  const router = state.router!;
  const { narrator, desk, signal, generate } = stage;
  const file = `${canary}.yaml`;
  await writeFileInPlace(join(desk, file), description(router.url, stable, canary));
  const before = router.counts();
  const over = new AbortController();
  const { origin, pathname } = new URL(router.url);
  const stopped = AbortSignal.any([signal, over.signal]);
  // It ends by being stopped; what users got is counted by the router.
  const using = generate({ url: origin, paths: [pathname], ...usage, signal: stopped }).catch(() => {});
  try {
    return await stage.metrify(['canary', 'start', '-f', file, '--wait', '--every', '500ms'], { exitCode });
  } finally {
    over.abort();
    await using;
    const after = router.counts();
    const answered = Object.fromEntries(
      versions
        .map(
          ({ name }) => [name, (after.byVersion.get(name) ?? 0) - (before.byVersion.get(name) ?? 0)] as const,
        )
        .filter(([, count]) => count > 0),
    );
    const failed = after.failed - before.failed;
    state.rollouts.push({ stable, canary, exitCode, answered, failed });
    const shares = Object.entries(answered).map(([name, count]) => `${name} ${formatCount(count)}`);
    narrator.line(
      `Meanwhile users were answered by ${shares.join(', ')}; ${counted(failed, 'answer')} ${failed === 1 ? 'was an error' : 'were errors'}.`,
    );
  }
}

function description(url: string, stable: string, canary: string): string {
  return `app: web
provider: envoy
route: route.json
stable: { name: ${stable} }
canary: { name: ${canary} }
steps: [20, 100]
interval: 2s
maxStepDuration: 1m
analysis:
  probe: { url: "${url}/{{version}}/", rate: 400, duration: 1s }
  latencyQuantile: 0.9
smoke: [{ url: "${url}/${canary}/healthz", bodyContains: ${canary} }]
`;
}
