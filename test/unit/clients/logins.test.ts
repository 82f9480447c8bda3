import { expect, test } from 'vitest';

import { hazelcastTarget } from '../../../src/lib/clients/hazelcast/address.js';
import { postgresTarget } from '../../../src/lib/clients/postgres/target.js';
import { redisTarget } from '../../../src/lib/clients/redis/address.js';
import { basicAuthorization } from '../../../src/lib/http/authorization.js';

test.each([
  [['redis://h'], {}, { username: undefined, password: undefined, database: 0, tls: false }],
  [['redis://u@h/3'], {}, { username: 'u', password: undefined, database: 3 }],
  [['redis://h:1', 'redis://u:p@h:2'], {}, { username: 'u', password: 'p' }],
  [['redis://u@h:1', 'redis://:p@h:2/0'], {}, { username: 'u', password: 'p', database: 0 }],
  [['redis://u:p@h'], { username: 'v', password: 'q' }, { username: 'u', password: 'p' }],
  [['redis://h'], { username: 'v', password: 'q' }, { username: 'v', password: 'q' }],
  [['rediss://[::1]:7000'], {}, { tls: true, addresses: [{ host: '::1', port: 7000 }] }],
])('Redis: %j and %j', (nodes, more, expected) => {
  expect(redisTarget({ nodes, ...more })).toMatchObject(expected);
});

test.each([
  [['hazelcast://h'], {}, undefined],
  [['hazelcast://u@h'], {}, { username: 'u', password: '' }],
  [['hazelcast://h:1', 'hazelcast://u:p%40@h:2'], {}, { username: 'u', password: 'p@' }],
  [['hazelcast://u:p@h'], { username: 'v', password: 'q' }, { username: 'u', password: 'p' }],
  [['hazelcast://h'], { username: 'v' }, { username: 'v', password: '' }],
])('Hazelcast: %j and %j', (urls, more, expected) => {
  expect(hazelcastTarget({ urls, ...more }).credentials).toEqual(expected);
});

test('Hazelcast: members keep the brackets of IPv6', () => {
  expect(hazelcastTarget({ urls: ['hazelcast://[::1]', 'hazelcast://h:5702'] }).members).toEqual([
    '[::1]:5701',
    'h:5702',
  ]);
});

test.each([
  ['postgres://a@h/m?user=b', 'user'],
  ['postgres://h/m?dbname=n', 'dbname'],
  ['postgres://h:1/m?port=2', 'port'],
  ['postgres://h/m?sslmode=require&sslmode=disable', 'sslmode'],
  ['postgres://h/m?sslmode=disable&sslrootcert=ca.pem', 'sslrootcert'],
  ['postgres://h/m#x', 'fragment'],
])('PostgreSQL: %s is refused for its %s', async (url, part) => {
  await expect(postgresTarget({ url })).rejects.toThrow(part);
});

test('PostgreSQL: what is said twice alike is fine, and authorities are used', async () => {
  expect(await postgresTarget({ url: 'postgres://a@h/m?user=a&dbname=m' })).toMatchObject({ user: 'a' });
  const { tls } = await postgresTarget({ url: 'postgres://h/m?sslrootcert=system' });
  expect(tls).toEqual({ rejectUnauthorized: true });
});

test('HTTP: a password without a user is sent too', () => {
  const encoded = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`;
  expect(basicAuthorization({ username: undefined, password: undefined })).toBeUndefined();
  expect(basicAuthorization({ username: 'u', password: undefined })).toBe(encoded('u:'));
  expect(basicAuthorization({ username: undefined, password: 'p' })).toBe(encoded(':p'));
});
