import { readFileSync } from 'node:fs';

import { describe, expect, it } from 'vitest';

import { commandTable } from '../../../src/commands/table.js';
import { flagName } from '../../../src/runtime/flags.js';
import { commandFlags, globalFlagGroups, globalFlags } from '../../../src/runtime/global-flags.js';
import { loadAll, parseCommandLine } from '../../../src/runtime/program.js';
import { metrify } from '../run.js';
import { shellWords } from '../shell-words.js';

const commands = (await loadAll(commandTable)).filter(({ path }) => path !== '');
const verbs = commands.flatMap(({ command }) => command ?? []);

/** Help as a terminal of that width shows it, rendered in this process. */
async function helpOf(path: string, width = 100, color = false): Promise<string> {
  let printed = '';
  const argv = [...path.split(' ').filter(Boolean), '--help'];
  const write = (text: string) => (printed += text);
  expect(await parseCommandLine(argv, commandTable, { version: '0', color, width, write })).toBeUndefined();
  return printed;
}

describe('help', () => {
  it('--version is the version of the package', async () => {
    const { version } = JSON.parse(
      readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'),
    ) as { version: string };
    expect(await metrify(['--version'])).toMatchObject({ code: 0, stdout: `${version}\n`, stderr: '' });
  });

  it.each([[], ['--help'], ['-h'], ['help'], ['-q']])('of the program: metrify %s', async (...argv) => {
    const { code, stdout, stderr } = await metrify(argv);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    for (const name of Object.keys(commandTable)) expect(stdout).toMatch(new RegExp(`^  ${name} +\\S`, 'm'));
    for (const key of Object.keys(globalFlags)) expect(stdout).toContain(flagName(key));
    expect(stdout).toMatch(/^ {2}124 +--timeout ran out/m);
  });

  it('shows every global flag once', () => {
    const grouped = globalFlagGroups.flatMap(({ flags }) => Object.keys(flags));
    expect(grouped.sort()).toEqual(Object.keys(globalFlags).sort());
  });

  it.each([['cache', '--help'], ['cache'], ['help', 'cache']])(
    'of a group lists its verbs: metrify %s %s',
    async (...argv) => {
      const { code, stdout } = await metrify(argv);
      expect(code).toBe(0);
      expect(stdout).toContain('metrify cache VERB');
      expect(stdout).toMatch(/^ {2}warm +fill caches/m);
      expect(stdout).toMatch(/^ {2}cluster +.*status, check/m);
    },
  );

  it.each(commands.map(({ path }) => path))('of %s is whole, and fits', async (path) => {
    for (const width of [100, 60]) {
      const page = await helpOf(path, width);
      expect(page).not.toMatch(/undefined|\[object|NaN|\[options\]/);
      const long = page.split('\n').filter((line) => [...line].length > width);
      // A word that is longer than the line is not broken: it is there to be copied.
      expect(long.filter((line) => !/^\s*\S+( \\)?$|'[^']{40,}'|^ {2}metrify/.test(line))).toEqual([]);
      const command = verbs.find(({ name }) => name === path);
      if (!command) continue;
      for (const key of Object.keys(commandFlags(command)))
        expect(page).toMatch(new RegExp(`^ +(-\\w, )?${flagName(key)}\\b`, 'm'));
    }
  });

  it('examples stand as they can be copied, also where they are broken', async () => {
    for (const width of [100, 60])
      for (const command of verbs) {
        const page = (await helpOf(command.name, width)).replaceAll(' \\\n    ', ' ');
        for (const { command: line } of command.examples) expect(page).toContain(`\n  ${line}\n`);
      }
  });

  it('colours nothing unless it may', async () => {
    expect(await helpOf('cache warm', 100, true)).toContain('\x1b[1mExamples:');
    expect(await helpOf('cache warm --no-color', 100, true)).not.toContain('\x1b');
    const { stdout } = await metrify(['cache', 'warm', '--help', '--no-color'], {
      env: { FORCE_COLOR: '1' },
    });
    expect(stdout).not.toContain('\x1b');
  });
});

describe('examples', () => {
  it('are there for every verb', () => {
    expect(verbs.filter(({ examples }) => examples.length === 0).map(({ name }) => name)).toEqual([]);
  });

  it.each(verbs.flatMap(({ name, examples }) => examples.map(({ command }) => [command, name] as const)))(
    '%s',
    async (line, name) => {
      const write = () => expect.unreachable();
      const invocation = await parseCommandLine(shellWords(line), commandTable, {
        version: '0',
        color: false,
        width: 100,
        write,
      });
      expect(invocation?.command.name).toBe(name);
    },
  );
});

describe('bad usage ends with 2 and says what was meant', () => {
  it.each([
    [['cahce', 'warm'], 'cahce', 'Did you mean cache?'],
    [['cache', 'wram'], 'wram', 'Did you mean warm?'],
    [['cache', 'cluster', 'stauts'], 'stauts', 'Did you mean status?'],
    [['cache', 'warm', '--fiel', 'x'], '--fiel', 'Did you mean --file?'],
    [['cache', 'frobnicate'], 'frobnicate', 'Verbs: warm, inspect'],
    [['--jsn', 'config', 'show'], '--jsn', '--json'],
    [['config', 'show', 'extra'], 'too many words', 'metrify config show --help'],
    [['-e', 'production', 'cache', 'get'], 'cache get needs <key>', 'metrify cache get --help'],
    [['cache', 'warm', '--key'], '--key needs a value: --key TEMPLATE', 'metrify cache warm --help'],
    [['config', 'show', '--env'], '--env needs a value: --env NAME', 'See:'],
    [['config', 'show', '-o', 'xml'], "'xml'", 'text, json, ndjson'],
    [['config', 'show', '--timeout', '3'], "--timeout: '3'", '500ms, 30s'],
    [['cache', 'flush', '--rate', 'many', '--all'], "--rate: 'many'", 'whole number'],
    [['cache', 'get', 'k', '--dry-run'], 'cache get changes nothing', 'metrify cache get --help'],
    [['config', 'show', '--junit', 'x.xml'], 'config show checks nothing', 'See:'],
  ])('%j', async (argv, message, hint) => {
    const text = await metrify(argv);
    expect(text).toMatchObject({ code: 2, stdout: '' });
    expect(text.stderr).toMatch(/^error: /);
    expect(text.stderr).toContain(message);
    expect(text.stderr).toContain(hint);

    const json = await metrify([...argv, '--json']);
    if (argv.at(-1) === '--key' || argv.at(-1) === '--env') return;
    expect(json).toMatchObject({ code: 2, stdout: '' });
    const { error } = JSON.parse(json.stderr) as { error: Record<string, string> };
    expect(error.code).toMatch(/^[A-Z_]+$/);
    expect(error.message).toContain(message);
    expect(error.hint).toContain(hint);
    expect(json.stderr).toBe(`${JSON.stringify({ error })}\n`);
  });
});
