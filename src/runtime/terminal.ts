/** The streams a command is printed on, and what they can do. */
export interface Terminal {
  readonly stdout: NodeJS.WritableStream;
  readonly stderr: NodeJS.WritableStream;
  readonly stdin: NodeJS.ReadableStream;
  readonly stdoutIsTerminal: boolean;
  readonly stderrIsTerminal: boolean;
  /** A person can be asked. */
  readonly interactive: boolean;
  readonly color: boolean;
  /** Columns of stdout; 100 where it is no terminal. */
  readonly width: number;
}
