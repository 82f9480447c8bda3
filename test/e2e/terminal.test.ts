import { expect, test } from 'vitest';

import { needs } from '../servers/needs.js';
import { shell } from './run.js';
import { terminal } from './terminal.js';

needs('tmux')('the terminal that tests type into', () => {
  test('shows, takes keys and interrupts', async () => {
    const screen = await terminal('read -p "name? " name; echo "hi $name"');
    try {
      await screen.waitFor('name?');
      await screen.type('live/redis');
      await screen.press('Enter');
      await screen.waitFor(/^hi live\/redis$/m);
      await screen.type('sleep 100');
      await screen.press('Enter', 'C-c');
      await screen.type('echo "exit $?"');
      await screen.press('Enter');
      await screen.waitFor(/^exit 130$/m);
    } finally {
      await screen.close();
    }
  });
});

test('a shell line runs in a clean environment, with stdin and its exit code', async () => {
  process.env['METRIFY_REDIS_URL'] = 'redis://127.0.0.1:1';
  const { code, stdout, stderr } = await shell('head -1; env | grep -c METRIFY_; echo "$HOME" >&2; exit 3', {
    stdin: 'a\nb\n',
  });
  expect({ code, stdout }).toEqual({ code: 3, stdout: 'a\n0\n' });
  expect(stderr).toContain('metrify-home-');
});
