import { Prometheus } from '../../clients/prometheus.js';
import type { HttpSettings, Timeouts } from '../../clients/settings.js';
import type { Clock } from '../../core/clock.js';
import { UserError } from '../../core/errors.js';
import type { AnalysisSpec, Pair } from '../spec.js';
import type { Meter } from './measurements.js';
import { ProbeMeter } from './probe-meter.js';
import { PrometheusMeter } from './prometheus-meter.js';

export interface MeterSurroundings {
  /** Of the configuration. */
  readonly prometheus: HttpSettings | undefined;
  readonly timeouts: Timeouts;
  readonly clock: Clock;
  /** What probes call themselves: `metrify/1.2.3`. */
  readonly userAgent: string;
}

/** Where the counts of a rollout come from. @throws UserError when there is nowhere. */
export function openMeter(analysis: AnalysisSpec, versions: Pair, surroundings: MeterSurroundings): Meter {
  const { prometheus, timeouts, clock, userAgent } = surroundings;
  const { requests, errors, latency, probe } = analysis;
  if (requests === undefined) {
    if (probe) return new ProbeMeter(probe, versions, clock, userAgent);
    throw new UserError('the analysis has neither expressions for Prometheus nor a probe', {
      hint: 'Give analysis.requests, or analysis.probe with its url.',
    });
  }
  const settings = settingsOf(analysis.prometheus, prometheus);
  if (settings === undefined)
    throw new UserError('no Prometheus is known to ask for the analysis', {
      hint: 'Set analysis.prometheus, METRIFY_PROMETHEUS_URL or prometheus.url in the configuration.',
    });
  return new PrometheusMeter(new Prometheus(settings, timeouts), { requests, errors, latency }, versions);
}

/** A password or token of the configuration goes to the server that it was configured for, and to no other. */
function settingsOf(url: string | undefined, configured: HttpSettings | undefined): HttpSettings | undefined {
  if (url === undefined) return configured;
  if (configured === undefined) return { url };
  const [asked, known] = [new URL(url), new URL(configured.url)];
  if (asked.origin !== known.origin || asked.username !== '' || asked.password !== '') return { url };
  [asked.username, asked.password] = [known.username, known.password];
  return { ...configured, url: asked.href };
}
