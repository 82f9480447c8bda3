import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sections } from '../../../src/commands/sections.js';
import type { UserError } from '../../../src/lib/core/errors.js';
import { hasPassword, maskSecrets } from '../../../src/lib/core/secrets/mask.js';
import { refusePasswordsOnCommandLine } from '../../../src/runtime/config/command-line.js';
import { growth } from '../../growth.js';

async function refusal(...argv: string[]): Promise<UserError | undefined> {
  try {
    await refusePasswordsOnCommandLine(argv, () => Promise.resolve(sections));
    return undefined;
  } catch (error) {
    return error as UserError;
  }
}

describe('passwords on the command line', () => {
  it.each([
    ['redis://u:hunter2@h', 'METRIFY_REDIS_URL'],
    ['--redis=rediss://:hunter2@h:6379/0', 'METRIFY_REDIS_URL'],
    ['postgresql://u:hunter2@h/db', 'METRIFY_POSTGRES_URL'],
    ['postgres://h/db?user=u&password=hunter2', 'METRIFY_POSTGRES_URL'],
    ['see http://u:hunter2@h/', '@FILE'],
    ['REDIS://u:hunter2@h', 'METRIFY_REDIS_URL'],
    ['redis://u:hunter2/x@h', 'METRIFY_REDIS_URL'],
  ])('are refused in %s', async (argument, instead) => {
    const error = await refusal('cache', 'warm', argument);
    expect(error).toMatchObject({ code: 'PASSWORD_ON_COMMAND_LINE', exitCode: 2 });
    expect(error!.hint).toContain(instead);
    expect(`${error!.message} ${error!.hint}`).not.toContain('hunter2');
  });

  it.each([
    'redis://h:6379/0',
    'redis://u@h',
    'http://h:80/a@b',
    'meter:{meter_id}:latest',
    'a:b@c',
    'http://[::1]:80/x@y',
    'http://h:80?x=a@b',
  ])('let %s pass', async (argument) => expect(await refusal(argument)).toBeUndefined());

  it('are found and masked, whatever they hold', () => {
    const password = fc
      .stringMatching(/^[!-~]{1,20}$/)
      .filter((text) => !/["',]/.test(text) && !/^\d+[/?#]/.test(text));
    fc.assert(
      fc.property(password, (text) => {
        const url = `redis://user:${text}@host:6379/0`;
        expect(hasPassword(url)).toBe(true);
        expect(maskSecrets(`cannot reach ${url} now`)).toMatch(
          /^cannot reach redis:\/\/user:\*\*\*@host:6379\/0 now$/,
        );
      }),
    );
  });

  it('are looked for in linear time', () => {
    const look = (size: number) => refusal('a'.repeat(size), 'aZ09'.repeat(size / 4));
    // 16 times the length: 16 times the work, and 256 times where it grows with the square.
    expect(growth(look, 6_000, 96_000)).toBeLessThan(64);
  });
});
