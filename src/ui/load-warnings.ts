import { counted, formatCount, formatPercent } from '../lib/core/units.js';
import { mostNames } from '../lib/load/name-table.js';
import type { LoadResult } from '../lib/load/result.js';

/** From here on a closed loop may have gone as fast as the generator could. */
const busyShare = 0.9;

/** What makes a result mean less than it should, a sentence each. */
export function loadWarnings(result: LoadResult): string[] {
  const { generator, unsent, abortedBy, stopped, targetRate, byName } = result;
  const { bottleneck, missing, busy, byAddress } = generator;
  const refused = byAddress.filter(({ failed }) => failed > 0);
  const isNearItsLimit = targetRate === null && busy > busyShare;
  const other = byName.find(({ isOther }) => isOther);
  return [
    ...(abortedBy === undefined ? [] : [`ended early, since ${abortedBy} failed`]),
    ...(stopped ? ['stopped before its end: these are the figures of what ran until then'] : []),
    ...(missing === undefined ? [] : [`a part of the load is missing: ${missing}`]),
    ...refused.map(
      ({ address, connections, failed }) =>
        `${address} did not take ${formatCount(failed)} connections, and took ${formatCount(connections)}; others of the name were tried`,
    ),
    ...(other === undefined
      ? []
      : [
          `there were more than ${formatCount(mostNames)} names of requests: ${counted(other.sent, 'request')} ${other.sent === 1 ? 'is' : 'are'} counted together as '${other.name}'`,
        ]),
    ...(isNearItsLimit
      ? [
          `the generator itself was busy ${formatPercent(busy, 0)} of the time: the rate may be its own limit, not the server's`,
        ]
      : []),
    ...(bottleneck === undefined ? [] : [`the generator was the limit, not the server: ${bottleneck}`]),
    ...(bottleneck === undefined && unsent > 0
      ? [`${formatCount(unsent)} more requests were due, and not sent`]
      : []),
  ];
}
