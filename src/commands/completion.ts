import { UserError } from '../lib/core/errors.js';
import { readCommand } from '../runtime/command.js';
import { completionScript, type Shell, shells } from '../runtime/completion/script.js';
import type { Context } from '../runtime/context.js';
import { loadAll } from '../runtime/program.js';

/** Instead of a shell: what the scripts ask for while a line is typed. */
const values = 'values';

export const completion = readCommand({
  name: 'completion',
  summary: 'shell completion for bash, zsh or fish',
  args: {
    shell: { help: shells.join(', '), required: true, complete: shells },
    names: { help: 'what is to be named', required: false, hidden: true },
  },
  flags: {},
  stdout: 'data',
  examples: [
    {
      does: 'bash: in ~/.bashrc, put source <( before this and ) behind it',
      command: 'metrify completion bash',
    },
    { does: 'zsh, into a folder of $fpath', command: 'metrify completion zsh > "${fpath[1]}/_metrify"' },
    { does: 'fish', command: 'metrify completion fish > ~/.config/fish/completions/metrify.fish' },
  ],

  async read({ shell, names }, context) {
    const script = shell === values ? await namesOf(names ?? '', context) : await scriptOf(shell, context);
    if (context.output === 'text') await context.data!.write(script);
    return { verdict: 'ok', result: { shell, script } };
  },

  /** The script is all there is to say. */
  present() {},
});

async function scriptOf(shell: string, context: Context): Promise<string> {
  if (!(shells as readonly string[]).includes(shell))
    throw new UserError(`there is no completion for '${shell}'`, { hint: `Shells: ${shells.join(', ')}.` });
  return completionScript(shell as Shell, await loadAll(context.commands));
}

/** A line each. Nobody who presses Tab wants to hear what is wrong with the configuration. */
async function namesOf(kind: string, context: Context): Promise<string> {
  const { configuredNames } = await import('../runtime/config/names.js');
  try {
    const names = await configuredNames(kind, await context.sections(), context.settingsInput);
    return names.map((name) => `${name}\n`).join('');
  } catch (error) {
    if (error instanceof UserError) return '';
    throw error;
  }
}
