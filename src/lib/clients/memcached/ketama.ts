import { createHash } from 'node:crypto';

import type { ByteString } from '../../core/bytes.js';
import { defaultPort, type ServerAddress } from './address.js';

/**
 * How keys are spread over servers; every client of one pool has to agree.
 * - `ketama`: libmemcached's MEMCACHED_BEHAVIOR_KETAMA (100 points a server, one-at-a-time hash).
 * - `ketama-weighted`: its MEMCACHED_BEHAVIOR_KETAMA_WEIGHTED with equal weights, which is also what libketama
 *   and PHP's OPT_LIBKETAMA_COMPATIBLE do (160 points a server, MD5).
 */
export type Hashing = 'ketama' | 'ketama-weighted';

/** The index of the server that holds a key. */
export type Ring = (key: ByteString) => number;

export function createRing(servers: readonly ServerAddress[], hashing: Hashing = 'ketama'): Ring {
  if (servers.length === 1) return () => 0;
  const points = servers.flatMap((server, index) =>
    (hashing === 'ketama' ? pointsOf(server) : md5PointsOf(server, servers.length)).map((value) => ({
      value,
      index,
    })),
  );
  points.sort((a, b) => a.value - b.value);
  const values = Uint32Array.from(points, (point) => point.value);
  const owners = Uint16Array.from(points, (point) => point.index);
  const hash = hashing === 'ketama' ? oneAtATime : (key: ByteString) => md5(key).readUInt32LE(0);
  return (key) => {
    const wanted = hash(key);
    let low = 0;
    let high = values.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (values[middle]! < wanted) low = middle + 1;
      else high = middle;
    }
    return owners[low === values.length ? 0 : low]!;
  };
}

function pointsOf(server: ServerAddress): number[] {
  return Array.from({ length: 100 }, (_, i) => oneAtATime(`${ringName(server)}-${i}` as ByteString));
}

function md5PointsOf(server: ServerAddress, servers: number): number[] {
  // libmemcached counts in single precision, which for some numbers of servers loses the last digest of each.
  const share = Math.fround(Math.fround(Math.fround(Math.fround(1 / servers) * 160) / 4) * servers);
  const digests = Math.floor(Math.fround(share + 1e-10));
  return Array.from({ length: digests }, (_, i) => md5(`${ringName(server)}-${i}` as ByteString)).flatMap(
    (digest) => [0, 4, 8, 12].map((offset) => digest.readUInt32LE(offset)),
  );
}

function ringName({ host, port }: ServerAddress): string {
  return port === defaultPort ? host : `${host}:${port}`;
}

function md5(bytes: ByteString): Buffer {
  return createHash('md5').update(bytes, 'latin1').digest();
}

/** Bob Jenkins's one-at-a-time hash over signed bytes, as libhashkit computes it. */
function oneAtATime(bytes: ByteString): number {
  let value = 0;
  for (let i = 0; i < bytes.length; i++) {
    value = (value + ((bytes.charCodeAt(i) << 24) >> 24)) | 0;
    value = (value + (value << 10)) | 0;
    value ^= value >>> 6;
  }
  value = (value + (value << 3)) | 0;
  value ^= value >>> 11;
  return (value + (value << 15)) >>> 0;
}
