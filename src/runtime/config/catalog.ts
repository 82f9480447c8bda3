import * as z from 'zod/mini';

import { UserError } from '../../lib/core/errors.js';
import type { Section } from '../../lib/core/schema/section.js';
import type { Setting } from '../../lib/core/schema/setting.js';
import { listsIn, settingsIn, shapeIn } from '../../lib/core/schema/walk.js';

/** A system with the paths of its settings. */
export interface SystemPaths {
  key: string;
  title: string;
  address: string;
  /** That, and lists that the file may have in its place. */
  addresses: readonly string[];
  others: readonly string[];
}

/** Everything that an environment can say, from the sections that the program has. */
export class Catalog {
  /** Every setting that is one value, by its path: each has a variable. */
  readonly settings: ReadonlyMap<string, Setting>;
  readonly systems: readonly SystemPaths[];
  /** Words that texts are of no use without, in lower case: a password that is one of them is hidden only in its place. */
  readonly words: ReadonlySet<string>;
  /** One environment of the file. */
  readonly environment: z.ZodMiniType;
  /** The whole file. */
  readonly file: z.ZodMiniType<{ environments: Record<string, unknown> }>;

  constructor(readonly sections: readonly Section[]) {
    const prefixed = ({ key, schema }: Section): [string, Setting][] =>
      settingsIn(schema, key === '' ? [] : [key]);
    this.settings = new Map(sections.flatMap(prefixed));
    this.systems = sections.flatMap((one) => {
      if (one.system === undefined) return [];
      const paths = prefixed(one);
      const address = paths.find(([, setting]) => setting.address)?.[0];
      if (address === undefined) throw new Error(`the section ${one.key} has no address`);
      const lists = listsIn(one.schema, [one.key]).flatMap(([path, { address: is }]) => (is ? [path] : []));
      const others = paths.map(([path]) => path).filter((path) => path !== address);
      return [{ key: one.key, title: one.system, address, addresses: [address, ...lists], others }];
    });
    const named = [...this.settings].flatMap(([path, { schemes = [] }]) => [...path.split('.'), ...schemes]);
    this.words = new Set(['default', 'metrify', ...named].map((word) => word.toLowerCase()));
    this.environment = z.strictObject(
      Object.assign(
        {},
        ...sections.map(({ key, schema }) => (key === '' ? shapeIn(schema) : { [key]: z.optional(schema) })),
      ) as z.core.$ZodShape,
    );
    this.file = z.strictObject({ environments: z.record(z.string(), this.environment) });
  }

  setting(path: string): Setting {
    const found = this.settings.get(path);
    if (found === undefined) throw new UserError(`there is no setting ${path}`);
    return found;
  }
}
