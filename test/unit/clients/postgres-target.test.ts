import { expect, test } from 'vitest';
import { postgresTarget } from '../../../src/lib/clients/postgres/target.js';

test.each([
  [
    'postgres://u:p%40ss@db:6000/meters',
    { host: 'db', port: 6000, user: 'u', password: 'p@ss', label: 'db:6000/meters' },
  ],
  ['postgresql://u@db', { port: 5432, database: 'u', tls: false, label: 'db:5432/u' }],
  ['postgres://[::1]:6000/m', { host: '::1', label: '[::1]:6000/m' }],
  ['postgres://u@/m?host=/run/pg&port=6001', { host: '/run/pg', port: 6001, user: 'u', database: 'm' }],
  ['postgres:///m?host=%2Frun%2Fpg', { host: '/run/pg', database: 'm' }],
  ['postgres://u@db/m?sslmode=prefer', { tls: false }],
  ['postgres://u@db/m?sslmode=require', { tls: { rejectUnauthorized: true } }],
])('%s', async (url, expected) => {
  expect(await postgresTarget({ url })).toMatchObject(expected);
});

test.each([
  'mysql://u:S3cret@db/m',
  'postgres://u:S3cret@db:99999/m',
  'postgres://u:S3%cret@db/m',
  'postgres://u:S3cret@db/m?sslmode=no-verify',
  'postgres://u:S3cret@db/m?target_session_attrs=primary',
])('%s is refused, and its password is not repeated', async (url) => {
  const error: Error = await postgresTarget({ url }).then(
    () => expect.unreachable(),
    (failure: Error) => failure,
  );
  expect(error).toMatchObject({ code: 'POSTGRES_URL_INVALID', exitCode: 2 });
  expect(`${error.stack}`).not.toContain('S3');
});

test('verification is switched off only by name', async () => {
  const { tls } = await postgresTarget({ url: 'postgres://u@db/m?sslmode=verify-full', tlsVerify: false });
  expect(tls).toEqual({ rejectUnauthorized: false });
});
