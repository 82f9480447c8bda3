import { UserError } from '../lib/core/errors.js';
import { readCommand } from '../runtime/command.js';
import { completionScript, type Shell, shells } from '../runtime/completion.js';
import { loadAll } from '../runtime/program.js';

export const completion = readCommand({
  name: 'completion',
  summary: 'shell completion for bash, zsh or fish',
  args: { shell: { help: shells.join(', '), required: true, choices: shells } },
  flags: {},
  stdout: 'data',
  examples: [
    {
      does: 'bash, for this user',
      command: 'metrify completion bash > ~/.local/share/bash-completion/completions/metrify',
    },
    { does: 'zsh, into a folder of $fpath', command: 'metrify completion zsh > "${fpath[1]}/_metrify"' },
    { does: 'fish', command: 'metrify completion fish > ~/.config/fish/completions/metrify.fish' },
  ],

  async read({ shell }, context) {
    if (!(shells as readonly string[]).includes(shell))
      throw new UserError(`there is no completion for '${shell}'`, { hint: `Shells: ${shells.join(', ')}.` });
    const commands = await loadAll(context.commands);
    const script = completionScript(shell as Shell, commands);
    if (context.output === 'text') await context.data!.write(script);
    return { verdict: 'ok', result: { shell, script } };
  },

  /** The script is all there is to say. */
  present() {},
});
