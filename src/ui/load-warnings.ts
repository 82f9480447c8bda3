import { formatCount, formatPercent } from '../lib/core/units.js';
import type { LoadResult } from '../lib/load/result.js';

/** From here on a closed loop may have gone as fast as the generator could. */
const busyShare = 0.9;

/** What makes a result mean less than it should, a sentence each. */
export function loadWarnings({ generator, unsent, abortedBy, targetRate }: LoadResult): string[] {
  const { bottleneck, missing, busy, byAddress } = generator;
  const refused = byAddress.filter(({ failed }) => failed > 0);
  const isNearItsLimit = targetRate === null && busy > busyShare;
  return [
    ...(abortedBy === undefined ? [] : [`ended early, since ${abortedBy} failed`]),
    ...(missing === undefined ? [] : [`a part of the load is missing: ${missing}`]),
    ...refused.map(
      ({ address, connections, failed }) =>
        `${address} did not take ${formatCount(failed)} connections, and took ${formatCount(connections)}; others of the name were tried`,
    ),
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
