import type { Lease } from '../keyed-level.js';
import type { VersionRecord } from './record.js';

/** What becomes of a key's record; `drop`: the value goes instead of being written. */
export type Decision = (VersionRecord & { drop?: boolean }) | 'refused';

/**
 * Who wins, by the key's record as it stands. For levels that change records by comparing and replacing; Redis and
 * PostgreSQL decide the same in scripts and statements of their own.
 * @param text the record as it is stored, '' when there is none.
 */
export type Decide = (text: string, record: VersionRecord) => Decision;

export function fillUnder(lease: Lease, version: bigint | undefined): Decide {
  return (text, record) => {
    if (text !== lease) return 'refused';
    if (version === undefined) return { ...record, known: false };
    return version < record.version ? 'refused' : { ...record, version, known: true };
  };
}

export function setTo(version: bigint | undefined, lease: Lease | undefined): Decide {
  return (text, record) => {
    if (version === undefined) return { ...record, known: false };
    if (version <= record.version) return 'refused';
    const sure = (text !== '' && record.known) || (lease === undefined ? text === '' : lease === text);
    // What is dropped may have been seen, and newer than the writes that follow: they are no surer than this one.
    return { ...record, version, known: sure, drop: !sure };
  };
}

export function removeAt(version: bigint | undefined): Decide {
  return (_, record) => {
    if (version === undefined) return { ...record, known: false };
    return version < record.version ? 'refused' : { ...record, version };
  };
}
