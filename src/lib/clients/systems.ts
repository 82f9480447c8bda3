import * as z from 'zod/mini';

import { UserError } from '../core/errors.js';
import { type Section, section, type ValueOf } from '../core/schema/section.js';
import { duration } from '../core/schema/setting.js';
import { variableName } from '../core/schema/variable-name.js';
import { settingsIn } from '../core/schema/walk.js';
import { hazelcastSection } from './hazelcast/section.js';
import { memcachedSection } from './memcached/section.js';
import { postgresSection } from './postgres/section.js';
import { redisSection } from './redis/section.js';
import type { Timeouts } from './settings.js';

export const timeoutsSection = section({
  key: '',
  schema: z.pipe(
    z.strictObject({
      connectTimeout: z.prefault(
        duration({ help: 'how long a connection may take to be made', default: '5s' }),
        '5s',
      ),
      requestTimeout: z.prefault(
        duration({
          help: 'how long an answer may take, and how long a lost server is waited for',
          default: '30s',
        }),
        '30s',
      ),
    }),
    z.transform(({ connectTimeout, requestTimeout }) => ({
      connectTimeoutMs: connectTimeout,
      requestTimeoutMs: requestTimeout,
    })),
  ),
});

/** The systems that hold data. Those of HTTP are apart, so that a service's package needs no HTTP client. */
export const systemSections = [postgresSection, redisSection, memcachedSection, hazelcastSection] as const;

type Sections = (typeof systemSections)[number];
export type SystemName = Sections['key'];

/** How to reach the systems of one environment. A system that is not configured is undefined. */
export type Systems = Timeouts & {
  [S in Sections as S['key']]?: ValueOf<S> | undefined;
} & {
  /** Systems that something names, but not what was asked for: thrown where such a system is needed. */
  refused?: Readonly<Record<string, UserError>> | undefined;
};

/**
 * @param user what needs the system, as the subject of a sentence: `--sql`, `level 'warm'`
 * @throws UserError exit 2 `NOT_CONFIGURED`, or why the system is refused
 */
export function requireSystem<N extends SystemName>(
  systems: Omit<Systems, keyof Timeouts>,
  name: N,
  user: string,
): NonNullable<Systems[N]> {
  const settings = systems[name];
  if (settings !== undefined) return settings;
  const { system, schema }: Section = systemSections.find(({ key }) => key === name)!;
  const [address] = settingsIn(schema).find(([, setting]) => setting.address)!;
  throw (
    systems.refused?.[name] ??
    new UserError(`${user} needs ${system}, and none is configured`, {
      code: 'NOT_CONFIGURED',
      hint: `Set ${variableName(`${name}.${address}`)}, or the section ${name} in metrify.config.yaml.`,
    })
  );
}
