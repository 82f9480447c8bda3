import { ServiceUnavailable } from '../../core/errors.js';
import { patiently } from '../patience.js';
import type { Arm } from '../spec.js';
import { type BlueGreenRun, type Colours, other } from './run.js';

/** Time that a colour which was scaled down gets to be ready again, in milliseconds. */
const READY_WITHIN_MS = 300_000;

/** Only where asked, and only after the delay, so that endpoints and connections have moved. */
export async function scaleDownOld(run: BlueGreenRun): Promise<void> {
  const { session, scaleDownAfterMs, spec } = run;
  const { workloads } = session.actor.provider;
  const state = session.state!;
  const { deployment } = spec.versions[other(state.to)];
  if (scaleDownAfterMs === undefined || !workloads || deployment === undefined) return;
  const { clock, signal } = session.actor;
  const left = state.stepStartedAt + scaleDownAfterMs - session.now();
  if (left > 0) await clock.sleep(left, signal);
  const { desired } = await workloads.fleet(deployment, signal);
  if (desired === 0) return;
  // First what a rollback needs to know, then the change.
  const reason = `${deployment} was scaled down from ${desired}`;
  await session.commit(
    session.next(state, { scaledDown: desired }, { action: 'scale down', verdict: 'asked for', reason }),
  );
  await workloads.scale(deployment, 0, signal);
}

/** Gives a colour that was scaled down its replicas back, and waits for them. Nothing to do for others. */
export async function scaleUp({ session, spec }: Colours, arm: Arm, signal: AbortSignal): Promise<void> {
  const { clock, provider } = session.actor;
  const workloads = provider.workloads && patiently(provider.workloads, clock);
  const replicas = session.state?.scaledDown;
  const { deployment } = spec.versions[arm];
  if (!workloads || deployment === undefined || replicas === undefined) return;
  const fleet = await workloads.fleet(deployment, signal);
  if (fleet.desired < replicas) await workloads.scale(deployment, replicas, signal);
  const deadline = clock.monotonic() + READY_WITHIN_MS;
  for (;;) {
    const { ready, problem } = await workloads.fleet(deployment, signal);
    if (ready >= replicas) return;
    if (clock.monotonic() > deadline)
      throw new ServiceUnavailable(
        `${deployment} has ${ready} of ${replicas} replicas ready, so traffic was not returned to it`,
        { hint: problem ?? `Look with 'kubectl describe deployment ${deployment}'.` },
      );
    await clock.sleep(500, signal);
  }
}
