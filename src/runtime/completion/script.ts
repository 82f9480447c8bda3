import type { LoadedCommands } from '../program.js';
import { bashScript } from './bash.js';
import { fishScript } from './fish.js';
import { collectWords } from './words.js';

export const shells = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof shells)[number];

export function completionScript(shell: Shell, commands: LoadedCommands): string {
  const table = collectWords(commands);
  switch (shell) {
    case 'bash':
      return bashScript(table);
    case 'zsh':
      return `#compdef metrify\nautoload -U +X bashcompinit && bashcompinit\n${bashScript(table)}`;
    case 'fish':
      return fishScript(table);
  }
}
