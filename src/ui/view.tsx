import { type Instance, render, Text } from 'ink';
import type { ReactElement } from 'react';

import type { OnScreen } from '../runtime/progress.js';
import type { Terminal } from '../runtime/terminal.js';

const upOneLineAndEraseIt = '\x1b[1A\x1b[2K';

/** A view on stderr that redraws itself. Ctrl-C reaches the process as ever. */
export class View implements OnScreen {
  readonly #terminal: Pick<Terminal, 'stderr' | 'stdin'>;
  readonly #redrawsPerSecond: number;
  #app: Instance | undefined;

  constructor(terminal: Pick<Terminal, 'stderr' | 'stdin'>, redrawsPerSecond: number) {
    this.#terminal = terminal;
    this.#redrawsPerSecond = redrawsPerSecond;
  }

  draw(element: ReactElement): void {
    if (this.#app) return this.#app.rerender(element);
    const { stderr: stdout, stdin } = this.#terminal;
    const maxFps = this.#redrawsPerSecond;
    this.#app = render(element, { exitOnCtrlC: false, stdout, stdin, patchConsole: false, maxFps });
  }

  /** Ink leaves on the screen what it drew last, so that is an empty line. */
  erase(): void {
    if (!this.#app) return;
    this.draw(<Text> </Text>);
    this.close();
    this.#terminal.stderr.write(upOneLineAndEraseIt);
  }

  /** Leaves what it shows on the screen. */
  close(): void {
    this.#app?.unmount();
    this.#app = undefined;
  }
}
