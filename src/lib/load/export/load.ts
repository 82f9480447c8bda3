import { loadPlanOf, type LoadSettings } from '../scenario/load-settings.js';
import type { ExportLoad, ExportTiming } from './source.js';

/** How much load a scenario says, for another engine. @throws UserError when it says none */
export function exportLoad(settings: LoadSettings): {
  readonly load: ExportLoad;
  readonly timing: ExportTiming;
} {
  const { arrivals, durationMs = 0, warmupMs = 0, drainMs, timeoutMs, maxConnections } = loadPlanOf(settings);
  const timing = { warmupMs, drainMs, timeoutMs };
  if (arrivals.loop === 'open')
    return {
      load: {
        of: 'rate',
        stages: arrivals.stages,
        isPoisson: arrivals.spacing === 'poisson',
        maxConnections,
      },
      timing,
    };
  const { users = 0, stages = [{ durationMs, from: users, to: users }] } =
    arrivals.loop === 'closed' ? arrivals : {};
  return { load: { of: 'users', stages, isPoisson: false, maxConnections }, timing };
}
