import { expect, it } from 'vitest';

import { Interrupted, ServiceConflict, ServiceUnavailable, UserError } from '../../../src/lib/core/errors.js';
import { howToContinue } from '../../../src/lib/runs/continue.js';

const saved = { path: 'run.ckpt', exists: true };
const unsaved = { path: 'run.ckpt', exists: false };

it.each([
  [
    'stopped, with a checkpoint',
    { checkpoint: saved, error: new Interrupted('SIGINT') },
    /same command again: it continues from run.ckpt/,
  ],
  ['before the first checkpoint', { checkpoint: unsaved, error: new Interrupted('SIGTERM') }, /starts over/],
  [
    'gone, with a checkpoint',
    { checkpoint: saved, error: new ServiceUnavailable('gone') },
    /it continues from/,
  ],
  [
    'without a checkpoint',
    { wouldContinueWith: '--resume FILE', error: new Interrupted('SIGINT') },
    /with --resume FILE it could have continued/,
  ],
  [
    'of a pipe',
    { error: new Interrupted('SIGINT') },
    /^What was written stays. Run the same command again.$/,
  ],
])('a run %s', (_, stopped, hint) => {
  expect(howToContinue(stopped)).toMatch(hint);
});

it.each([new UserError('the column is not unique'), new ServiceConflict('the file has changed')])(
  'what the same command would meet again ($message) is not to be repeated',
  (error) => {
    expect(howToContinue({ checkpoint: saved, error })).not.toMatch(/again/);
  },
);
