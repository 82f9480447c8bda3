import { errorMessage, UserError } from '../core/errors.js';
import type { Finding } from '../core/schema/findings.js';
import { formatDuration, parseDuration } from '../core/units.js';
import { defaults } from './defaults.js';
import { checkObject, checkVersion, isFileProvider } from './names.js';
import type { Rollout } from './section.js';
import { formOf, pairKeys, type RolloutForm, type WrittenVersion } from './written.js';

/** What no value's own check can see: keys that contradict each other or mean nothing together. */
export function contradictions(written: Rollout): Finding[] {
  return [...namesThatMeanNothing(written), ...pairs(written), ...timing(written), ...analysis(written)];
}

/** Versions of the other form, for a verb that carries out only one. */
export function wrongForm(form: RolloutForm, written: Rollout): Finding[] {
  const found = formOf(written);
  if (found === undefined || found === form) return [];
  const key = pairKeys[found].find((name) => written[name] !== undefined)!;
  const [group, keys] =
    form === 'canary' ? ['metrify deploy', 'stable: and canary:'] : ['metrify canary', 'blue: and green:'];
  return [
    {
      path: [key],
      message: `this describes a ${found} rollout, for ${group}; a ${form} rollout has ${keys}`,
    },
  ];
}

/** What is not there, for a verb that carries the rollout out. */
export function missingFor(form: RolloutForm, written: Rollout): Finding[] {
  const kubernetes = !isFileProvider(written.provider);
  return pairKeys[form].flatMap((key): Finding[] => {
    const version = written[key];
    if (version === undefined) return [{ path: [key], message: `'${key}' is missing here`, missing: true }];
    return kubernetes && version.deployment === undefined
      ? [
          {
            path: [key, 'deployment'],
            message: `the Deployment of ${key} is missing: its replicas are looked at before traffic is moved`,
          },
        ]
      : [];
  });
}

function namesThatMeanNothing(written: Rollout): Finding[] {
  const { provider, route } = written;
  const found: Finding[] = [];
  const check = (path: Finding['path'], run: () => void) => {
    try {
      run();
    } catch (error) {
      const hint = error instanceof UserError && error.hint !== undefined ? `. ${error.hint}` : '';
      found.push({ path, message: `${errorMessage(error)}${hint}` });
    }
  };
  if (!isFileProvider(provider)) check(['route'], () => checkObject(route));
  for (const [key, { name }] of versionsOf(written)) check([key, 'name'], () => checkVersion[provider](name));
  for (const key of ['nginx', 'envoy'] as const)
    if (written[key] !== undefined && provider !== key)
      found.push({ path: [key], message: `only provider ${key} reads this; this one is ${provider}` });
  return found;
}

function pairs(written: Rollout): Finding[] {
  const found: Finding[] = [];
  const form = formOf(written);
  const other = pairKeys['blue-green'].find((key) => written[key] !== undefined);
  if (form === 'canary' && other !== undefined)
    return [
      {
        path: [other],
        message: 'a rollout has stable: and canary:, or blue: and green:, but not all of them',
      },
    ];
  if (form === 'canary' && written.provider === 'service') {
    const key = pairKeys.canary.find((name) => written[name] !== undefined)!;
    found.push({
      path: [key],
      message:
        'provider service moves all traffic or none: name the versions blue: and green:, for metrify deploy',
    });
  } else if (form === 'blue-green' || written.provider === 'service')
    for (const key of ['steps', 'interval', 'maxStepDuration', 'gates'] as const)
      if (written[key] !== undefined)
        found.push({
          path: [key],
          message: `blue-green moves all traffic at once and has no ${key}; a canary has stable: and canary:${
            written.provider === 'service' ? ', and a provider other than service' : ''
          }`,
        });

  if (form === 'canary' && written.probes !== undefined)
    found.push({
      path: ['probes'],
      message: 'only blue-green has probes, for --watch; a canary is judged by its analysis',
    });

  const [a, b] = versionsOf(written);
  if (a && b)
    for (const part of ['name', 'deployment'] as const)
      if (a[1][part] !== undefined && a[1][part] === b[1][part])
        found.push({
          path: [b[0], part],
          message: `${a[0]} and ${b[0]} have the same ${part} '${a[1][part]}'`,
        });
  return found;
}

function timing({ steps = [], interval, maxStepDuration }: Rollout): Finding[] {
  const found: Finding[] = steps.flatMap((step, index) =>
    index > 0 && step <= steps[index - 1]!
      ? [{ path: ['steps', index], message: `steps ascend: ${step} does not come after ${steps[index - 1]}` }]
      : [],
  );
  const longest = maxStepDuration ?? parseDuration(defaults.maxStepDuration);
  const least = interval ?? parseDuration(defaults.interval);
  if (longest < least)
    found.push({
      path: [maxStepDuration === undefined ? 'interval' : 'maxStepDuration'],
      message:
        `maxStepDuration (${formatDuration(longest)}) is shorter than ` +
        `interval (${formatDuration(least)}), the least time in a step`,
    });
  return found;
}

function analysis({ analysis }: Rollout): Finding[] {
  if (analysis === undefined) return [];
  const { prometheus, requests, errors, latency, probe } = analysis;
  if (requests !== undefined) return [];
  const needing = errors !== undefined ? 'errors' : latency !== undefined ? 'latency' : undefined;
  if (needing !== undefined)
    return [
      {
        path: ['analysis', needing],
        message: `${needing} alone say little: 'requests' is missing beside it, the number of all requests`,
      },
    ];
  if (prometheus !== undefined)
    return [
      {
        path: ['analysis', 'prometheus'],
        message: `nothing is asked of Prometheus: 'requests' is missing, and errors or latency`,
      },
    ];
  if (probe === undefined)
    return [
      {
        path: ['analysis'],
        message: 'there is nothing to judge: give requests with errors or latency, or a probe with its url',
      },
    ];
  return [];
}

function versionsOf(written: Rollout): [string, WrittenVersion][] {
  return [...pairKeys.canary, ...pairKeys['blue-green']].flatMap((key) => {
    const version = written[key];
    return version === undefined ? [] : [[key, version] as [string, WrittenVersion]];
  });
}
