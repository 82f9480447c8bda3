import { expect, it } from 'vitest';

import { needs } from '../../servers/needs.js';
import { metrify } from '../run.js';
import { terminal } from '../terminal.js';
import { http } from './run-load.js';

const ok = () => http((_, response) => response.end('ok'));

needs('tmux')('load run on a terminal', () => {
  it.each([60, 100])('of %i columns shows how it stands, and then its result alone', async (columns) => {
    const line = `metrify load run ${await ok()} --rate 50 --duration 8s --threshold 'p95<10s'; echo "exit $?"`;
    const screen = await terminal(line, { columns });
    try {
      const live = await screen.waitFor(/^holds +p95<10s/m);
      expect(live).toMatch(/^sent +\d+\/s of 50\/s wanted /m);
      expect(live).toMatch(/^p95 +.*ms, in all .*ms /m);
      expect(live).toContain('of 8s');
      // 7 where this machine was too busy to send in time.
      const end = await screen.waitFor(/^exit [07]$/m);
      expect(end).toMatch(/^400 requests in 8s: 400 answered/m);
      expect(end).not.toMatch(/under way|holds/);
    } finally {
      await screen.close();
    }
  });

  it('stopped by Ctrl-C, leaves the message and the result of what ran, with requests that were never answered', async () => {
    const url = await http((_, response, n) => {
      if (n % 10 !== 0) response.end('ok');
    });
    const screen = await terminal(
      `metrify load run ${url} --rate 50 --duration 1h --drain 1m --threshold 'p50<1h'; echo "exit $?"`,
    );
    try {
      await screen.waitFor(/under way +[1-9]/);
      await screen.press('C-c');
      const end = await screen.waitFor(/^exit 130$/m);
      expect(end).toMatch(
        /^stopping safely; press Ctrl-C again to leave at once\n[\d,]+ requests? in .* [1-9]\d* incomplete/m,
      );
      expect(end).not.toMatch(/under way|1 threshold passed/);
      expect(end).toContain('stopped: whether the thresholds hold for the whole run is not known');
    } finally {
      await screen.close();
    }
  });

  it('with --no-live, in CI and on a dumb terminal is a line', async () => {
    const url = await ok();
    const line = (before: string, after: string) =>
      `${before} metrify load run ${url} --rate 50 --duration 8s ${after}; echo "exit $?"`;
    const lines = [line('', '--no-live'), line('CI=true', ''), line('TERM=dumb', '')];
    await Promise.all(
      lines.map(async (one) => {
        const screen = await terminal(one);
        try {
          await screen.waitFor(/^load {2}[\d,]+ requests .* of 50\/s wanted {2}p95 /m);
          expect(await screen.waitFor(/^exit [07]$/m)).toMatch(/^400 requests in 8s/m);
        } finally {
          await screen.close();
        }
      }),
    );
  });
});

it('elsewhere tells lines on stderr, and nothing with JSON or --quiet', async () => {
  const args = ['load', 'run', await ok(), '--rate', '50', '--duration', '7s'];
  const [text, json, quiet] = await Promise.all([
    metrify(args),
    metrify([...args, '--json']),
    metrify([...args, '--quiet']),
  ]);
  const progress =
    /^load {2}[\d,]+ requests .* of 50\/s wanted {2}p95 .* 0 errors {2}[\d,]+ of [\d,]+ under way$/m;
  expect(text.stderr).toMatch(progress);
  expect(json.stderr).not.toMatch(progress);
  expect(quiet.stderr).not.toMatch(progress);
});
