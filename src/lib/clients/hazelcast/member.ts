import type { Member } from 'hazelcast-client';

/** A member's version, which the client knows and its types do not. */
export function memberVersion(member: Member): string | undefined {
  return (member as { version?: { toString(): string } }).version?.toString();
}
