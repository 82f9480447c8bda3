import type { Fault } from './fault.js';

/** Faults that seeds found, or attackers: what metrify made of them once was wrong. */
export const found: readonly { system: string; verb: string; fault: Partial<Fault>; once: string }[] = [
  {
    system: 'redis',
    verb: 'flush --no-ttl',
    fault: { kind: 'extra', afterBytes: 31_000, bytes: ':-1\r\n' },
    once: 'each key had the time to live of its neighbour, and one that expires was removed',
  },
  {
    system: 'redis',
    verb: 'flush --idle',
    fault: { kind: 'extra', afterBytes: 31_000, bytes: ':999999\r\n' },
    once: 'the same with idle times',
  },
  {
    system: 'redis',
    verb: 'warm --value hash --nx',
    fault: { kind: 'cut', afterBytes: 9824, strikes: 5 },
    once: 'keys that the run had written counted as skipped, without a word',
  },
  {
    system: 'redis',
    verb: 'delete',
    fault: { kind: 'silence', direction: 'requests', afterBytes: 75, strikes: Infinity },
    once: 'nothing said that the key may be gone',
  },
  {
    system: 'redis',
    verb: 'set',
    fault: { kind: 'silence', direction: 'requests', afterBytes: 75, strikes: Infinity },
    once: 'nothing said that the value may be written',
  },
  {
    system: 'redisCluster',
    verb: 'cluster check',
    fault: { kind: 'extra', afterBytes: 0, strikes: Infinity, bytes: ':0\r\n' },
    once: 'exit 2: not a cluster',
  },
  {
    system: 'memcached',
    verb: 'flush --pattern',
    fault: { kind: 'cut', direction: 'requests', afterBytes: 16_540 },
    once: 'keys whose answers were lost counted as gone by themselves',
  },
  {
    system: 'memcached',
    verb: 'doctor',
    fault: { kind: 'extra', afterBytes: 4297, bytes: 'SERVER_ERROR no\r\n' },
    once: 'a bug in metrify',
  },
  {
    system: 'postgres',
    verb: 'flush --pattern',
    fault: { kind: 'cut', afterBytes: 88_144, strikes: 2 },
    once: 'keys whose answers were lost counted as gone by themselves',
  },
  {
    system: 'postgres',
    verb: 'get of several',
    fault: { kind: 'garbage', afterBytes: 0, bytes: '\0'.repeat(25) },
    once: 'a bug in metrify: received invalid response',
  },
  {
    system: 'postgres',
    verb: 'get of several',
    fault: { kind: 'garbage', afterBytes: 566, strikes: 2, bytes: '\r\n' },
    once: 'an endless loop that only SIGKILL ended: pg reads a text up to a zero byte that never comes',
  },
  {
    system: 'postgres',
    verb: 'doctor',
    fault: { kind: 'extra', afterBytes: 485, strikes: Infinity },
    once: 'a bug in metrify: another answer has other columns',
  },
  {
    system: 'queue',
    verb: 'queue retry --all',
    fault: { kind: 'silence', server: 1, direction: 'requests', afterBytes: 20_000, strikes: 1 },
    once: 'writes that were let go counted for nothing',
  },
];
