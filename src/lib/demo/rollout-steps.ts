import { join } from 'node:path';

import { writeFileInPlace } from '../core/files.js';
import { formatCount } from '../core/units.js';
import { measure } from './measure.js';
import { routeFile, type Router, startRouter } from './router.js';
import type { CommandReport, Stage, StepGroup } from './stage.js';

const versions = [
  { name: 'v1', failing: 0, takesMs: 4 },
  { name: 'v2', failing: 0, takesMs: 4 },
  { name: 'v3', failing: 0.1, takesMs: 4 },
];
/** Exit code of a canary that was rejected, with all traffic on stable again. */
const rejected = 3;

/** A good version promoted and a bad one rejected, while somebody uses the service. */
export function rolloutSteps(): StepGroup {
  let router: Router;
  return {
    steps: [
      {
        title: 'promote a good version',
        async run(stage) {
          await writeFileInPlace(join(stage.desk, 'route.json'), routeFile(versions.map(({ name }) => name)));
          router = await startRouter(join(stage.desk, 'route.json'), versions);
          stage.closing(() => router.close());
          stage.narrator.line('Three versions of the service run behind a router; v1 has all the traffic.');
          return rollOut(stage, router, 'v1', 'v2', 0);
        },
      },
      {
        title: 'reject a bad one',
        run: (stage) => rollOut(stage, router, 'v2', 'v3', rejected),
      },
    ],
  };
}

async function rollOut(
  stage: Stage,
  router: Router,
  stable: string,
  canary: string,
  exitCode: number,
): Promise<CommandReport> {
  const { narrator, desk, signal } = stage;
  const file = `${canary}.yaml`;
  await writeFileInPlace(join(desk, file), description(router.url, stable, canary));
  const before = router.counts();
  const over = new AbortController();
  const using = use(router.url, AbortSignal.any([signal, over.signal]));
  try {
    return await stage.metrify(['canary', 'start', '-f', file, '--wait', '--every', '500ms'], { exitCode });
  } finally {
    over.abort();
    await using;
    const after = router.counts();
    const shares = versions.flatMap(({ name }) => {
      const answered = (after.byVersion.get(name) ?? 0) - (before.byVersion.get(name) ?? 0);
      return answered > 0 ? [`${name} ${formatCount(answered)}`] : [];
    });
    narrator.line(
      `Meanwhile users were answered by ${shares.join(', ')}; ${formatCount(after.failed - before.failed)} answers were errors.`,
    );
  }
}

/** Requests as users make them, until it is enough. */
async function use(url: string, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await measure(new Array<string>(40).fill(url), { clients: 4, signal }).catch(() => {});
    await new Promise((resolve) => setTimeout(resolve, 100));
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
