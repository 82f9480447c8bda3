import { contradictions as contradictionsOf } from '../../lib/rollout/contradictions.js';
import type { Finding } from './document.js';
import type { EnvironmentInput } from './file.js';

/** What a schema cannot say of one environment: names that occur twice, names that mean nothing. */
export function contradictions(input: EnvironmentInput): Finding[] {
  const found: Finding[] = [];
  if (input.redis?.url !== undefined && input.redis.nodes !== undefined)
    found.push({ path: ['redis', 'nodes'], message: 'redis has a url already: give url or nodes, not both' });
  const levels = input.cache?.levels;
  const names = new Set<string>();
  levels?.forEach((level, index) => {
    if (names.has(level.name))
      found.push({
        path: ['cache', 'levels', index, 'name'],
        message: `there are two levels named '${level.name}'`,
      });
    names.add(level.name);
    if (level.table !== undefined && level.type !== 'database')
      found.push({ path: ['cache', 'levels', index, 'table'], message: 'only a database level has a table' });
  });
  if (levels) found.push(...unknownLevels(input, [...names]));
  found.push(...contradictoryRollouts(input));
  return found;
}

function contradictoryRollouts({ rollouts = [] }: EnvironmentInput): Finding[] {
  const apps = new Set<string>();
  return rollouts.flatMap((rollout, index) => {
    const found: Finding[] = contradictionsOf(rollout);
    if (apps.has(rollout.app))
      found.push({ path: ['app'], message: `there are two rollouts of '${rollout.app}'` });
    apps.add(rollout.app);
    return found.map((finding) => ({ ...finding, path: ['rollouts', index, ...finding.path] }));
  });
}

/** Tiers that name a level which is none of these. */
export function unknownLevels(input: EnvironmentInput, names: string[]): Finding[] {
  return (input.cache?.tiers ?? []).flatMap((tier, index) =>
    tier.levels.flatMap((name, position) =>
      names.includes(name)
        ? []
        : [
            {
              path: ['cache', 'tiers', index, 'levels', position],
              message: `there is no level '${name}'; there ${names.length === 0 ? 'are none' : `are ${names.join(', ')}`}`,
            },
          ],
    ),
  );
}
