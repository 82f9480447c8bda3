import type { Redactor } from '../lib/core/secrets/redactor.js';

/** The streams a command is printed on, and what they can do. */
export interface Terminal {
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
  readonly stdin: NodeJS.ReadStream;
  readonly stdoutIsTerminal: boolean;
  readonly stderrIsTerminal: boolean;
  /** A person can be asked. */
  readonly interactive: boolean;
  /** Columns; 100 where there is no terminal. */
  readonly width: number;
  /** What every text passes on its way out, into files too. Data does not. */
  readonly redactor: Redactor;
}
