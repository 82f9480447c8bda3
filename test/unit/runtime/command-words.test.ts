import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { commandTable } from '../../../src/commands/table.js';
import type { UserError } from '../../../src/lib/core/errors.js';
import { loadAll, parseCommandLine } from '../../../src/runtime/program.js';

const nodes = await loadAll(commandTable);
const groups = nodes.filter(({ command, path }) => command === undefined && path !== '');
const verbs = nodes.flatMap(({ path, command }) => {
  const at = path.lastIndexOf(' ');
  return command ? [{ group: path.slice(0, Math.max(0, at)), verb: path.slice(at + 1), command }] : [];
});

async function refusal(...argv: string[]): Promise<UserError> {
  const write = () => expect.unreachable();
  return parseCommandLine(argv, commandTable, { version: '0', color: false, width: 100, write }).then(
    () => expect.unreachable(),
    (error: unknown) => error as UserError,
  );
}

const wordsOf = (group: string) => group.split(' ').filter(Boolean);
const advised = (error: UserError) => /^Did you mean (.*?)\?/.exec(error.hint ?? '')?.[1];

describe('a verb that does not exist', () => {
  it.each(
    verbs.flatMap(({ group, verb, command }) => command.synonyms.map((word) => [group, word, verb] as const)),
  )('metrify %s %s leads to %s', async (group, word, verb) => {
    const error = await refusal(...wordsOf(group), word, '--no-such-flag', 'x');
    expect(error).toMatchObject({ code: 'UNKNOWN_COMMAND', exitCode: 2 });
    expect(advised(error)).toBe(verb);
    expect(error.hint).toContain(`See: metrify ${[group, verb].filter(Boolean).join(' ')} --help`);
  });

  it.each([
    ['canary', ['stop', 'rollback', 'undo', 'cancel', 'revert', 'STOP', 'stpo', 'halt'], 'abort'],
    ['deploy', ['stop', 'undo', 'abort', 'cancel', 'revert', 'stopp'], 'rollback'],
    ['cache', ['ls', 'list', 'keys', 'scan'], 'inspect'],
    ['cache', ['rm', 'del', 'remove', 'DEL'], 'delete'],
    ['cache queue', ['ls', 'list', 'keys', 'scan'], 'status'],
    ['cache queue', ['rm', 'del', 'delete'], 'drop'],
    ['cache cluster', ['ls', 'list'], 'status'],
    ['config', ['ls', 'list'], 'show'],
  ])('of %s: %j leads to %s', async (group, words, verb) => {
    for (const word of words) expect(advised(await refusal(...wordsOf(group), word))).toBe(verb);
  });

  it.each([
    [['flush'], 'cache flush'],
    [['rm', 'key'], 'cache delete or cache queue drop'],
    [['rollback'], 'deploy rollback or canary abort'],
    [['cache', 'drop', 'key'], 'queue drop'],
    [['cache', 'status'], 'queue status or cluster status'],
  ])('%j is found in another group: %s', async (argv, meant) =>
    expect(advised(await refusal(...argv))).toBe(meant),
  );

  it('who wants to stop is never sent on', async () => {
    const stops = ['stop', 'stopp', 'stpo', 'sto', 'halt', 'kill', 'undo', 'back', 'cancel', 'end', 'abrt'];
    const onward = /\b(step|start|switch|promote|resume|flush|drop|delete)\b/;
    for (const { path } of groups)
      for (const word of stops)
        expect(advised(await refusal(...wordsOf(path), word)) ?? '').not.toMatch(onward);
  });

  it('is reported before any flag, whatever the flags are', async () => {
    const flagLike = fc
      .stringMatching(/^--?[a-z-]{1,8}$/)
      .filter((word) => !/^--?$|^-[hcoeqv]|^--(h|v)/.test(word));
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...groups.map(({ path }) => path)),
        fc.array(flagLike, { maxLength: 4 }),
        async (group, flags) => {
          const error = await refusal(...wordsOf(group), 'frobnicate', ...flags);
          expect(error.message).toBe(`'${group}' has no verb 'frobnicate'`);
        },
      ),
    );
  });

  it('is no name that every object has', async () =>
    expect((await refusal('cache', 'constructor')).message).toBe("'cache' has no verb 'constructor'"));

  it('a flag before the verb is told where flags stand', async () =>
    expect(await refusal('canary', '-f', 'x.yaml', 'abort')).toMatchObject({
      message: 'there is no flag -f of canary itself',
      hint: expect.stringContaining('metrify canary VERB -f') as string,
    }));
});

it('no word leads to two verbs of a group, and none is a verb of it', () => {
  for (const { path, children } of nodes.filter(({ command }) => command === undefined)) {
    const names = [
      ...children.map(({ name }) => name),
      ...verbs.filter(({ group }) => group === path).flatMap(({ command }) => command.synonyms),
    ];
    expect(names).toEqual([...new Set(names)]);
  }
});
