import { expect, it } from 'vitest';

import { failureOf } from '../../../src/runtime/failure.js';

const running = new AbortController().signal;
const systemError = (code: string) => Object.assign(new Error(`${code}: it failed, write`), { code });

it.each(['ENOSPC', 'EDQUOT', 'EIO', 'EROFS'])('%s that nobody mapped is not a bug in metrify', (code) => {
  expect(failureOf(systemError(code), running)).toMatchObject({
    name: 'NotWritten',
    exitCode: 5,
    message: `the disk is full, or failed: ${code}: it failed, write`,
  });
});

it('any other system error is one', () => {
  expect(failureOf(systemError('EBADF'), running)).toMatchObject({ exitCode: 1, code: 'BUG' });
});
