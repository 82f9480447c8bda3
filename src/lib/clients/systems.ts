import * as z from 'zod/mini';

import type { UserError } from '../core/errors.js';
import { required } from '../core/schema/required.js';
import { type Section, section, type ValueOf } from '../core/schema/section.js';
import { duration } from '../core/schema/setting.js';
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

/** `required` of one of these. */
export function requireSystem<N extends SystemName>(
  systems: Omit<Systems, keyof Timeouts>,
  name: N,
  user: string,
): NonNullable<Systems[N]> {
  const section: Section<N, unknown, unknown> = systemSections.find(({ key }) => key === name)! as never;
  return required(section, systems as { readonly [key in N]?: Systems[N] }, user);
}
