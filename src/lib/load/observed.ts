import { formatCount } from '../core/units.js';
import { type Filter, matches } from './accounts.js';
import { type Observed, thereWere } from './judge.js';
import { mostNames, type NameTable } from './name-table.js';
import { NameTally, type OpenLatencies } from './tally.js';

/** Finds the requests of a filter among all names. */
export function byFilter(
  names: NameTable,
  total: NameTally,
  open: OpenLatencies,
): Pick<Observed, 'tallyOf' | 'whyNone'> {
  // Requests beyond the rows have lost their names and tags: what a filter found would not be all.
  const mayMiss = ({ name }: Filter) =>
    names.other !== undefined && (name === undefined || !names.rows.has(name));
  return {
    tallyOf(filter) {
      if (Object.keys(filter).length === 0) return total;
      if (mayMiss(filter)) return undefined;
      const chosen = [...names.rows].filter(([name, { tags }]) => matches(filter, name, tags));
      if (chosen.length === 0) return undefined;
      const sum = new NameTally(open);
      for (const [, tally] of chosen) sum.add(tally);
      return sum;
    },
    whyNone(filter) {
      if (mayMiss(filter))
        return {
          isMissing: false,
          shown: `there were more than ${formatCount(mostNames)} names, and those are not told apart`,
        };
      const entries = Object.entries(filter);
      const wanted = entries.map(([key, value]) => `${key} '${value}'`).join(' and ');
      const [key, value] = entries[0] ?? ['name', ''];
      const all = [...names.rows].flatMap(([name, { tags }]) =>
        key === 'name' ? [name] : (tags[key] ?? []),
      );
      return {
        isMissing: true,
        shown: `no request had the ${wanted}${thereWere(value, [...new Set(all)], key)}`,
      };
    },
  };
}
