import type { Dialer } from './dialer.js';
import type { FailureKind } from './tally.js';

/** What became of connections, of all targets. */
export interface NetworkCounts {
  /** How often a resolver was asked for addresses. */
  readonly lookups: number;
  readonly byAddress: readonly {
    readonly address: string;
    readonly connections: number;
    /** It refused, or was not reachable. Another address of the name was tried. */
    readonly failed: number;
  }[];
  /** Why requests failed: of each kind the first one, in words about "it", the server. */
  readonly reasons: Readonly<Partial<Record<FailureKind, string>>>;
}

export function networkOf(dialers: readonly Dialer[]): NetworkCounts {
  return sumOfNetworks(
    dialers.map(({ lookups, byAddress, reasons }) => ({
      lookups,
      byAddress: [...byAddress].map(([address, counts]) => ({ address, ...counts })),
      reasons: Object.fromEntries(reasons),
    })),
  );
}

export function sumOfNetworks(all: readonly NetworkCounts[]): NetworkCounts {
  const byAddress = new Map<string, { connections: number; failed: number }>();
  for (const { address, connections, failed } of all.flatMap((each) => each.byAddress)) {
    const before = byAddress.get(address) ?? { connections: 0, failed: 0 };
    byAddress.set(address, {
      connections: before.connections + connections,
      failed: before.failed + failed,
    });
  }
  return {
    lookups: all.reduce((sum, { lookups }) => sum + lookups, 0),
    byAddress: [...byAddress].map(([address, counts]) => ({ address, ...counts })),
    reasons: Object.assign({}, ...all.map(({ reasons }) => reasons).reverse()),
  };
}
