import type { Clock } from '../lib/core/clock.js';
import type { NotWritten } from '../lib/core/errors.js';
import type { FileRoles } from '../lib/core/file-roles.js';
import type { LoadedSettings, SettingsInput } from './config/load.js';
import { confirmTarget } from './confirm.js';
import type { Context } from './context.js';
import { plainSink, terminalSink } from './data-sink.js';
import { configurationRoles } from './files.js';
import type { Host } from './host.js';
import type { Messages } from './messages.js';
import type { Invocation, Program } from './program.js';
import type { Settings } from './settings.js';

const closingMs = 3000;

export interface Surroundings {
  invocation: Invocation;
  host: Host;
  program: Program;
  messages: Messages;
  files: FileRoles;
  clock: Clock;
  signal: AbortSignal;
  settingsInput: SettingsInput;
  load(): Promise<LoadedSettings>;
  /** Of another environment of the same file. */
  loadOther(environment: string): Promise<LoadedSettings>;
  /** Something may change from here on, and every file of the run is known. */
  onApplied(): void;
}

/** A command while it runs: its context, and what it left there for the runtime. */
export class Running {
  readonly context: Context;
  readonly notWritten: NotWritten[] = [];
  /** The result so far, once something may have changed. */
  applied: { result: () => unknown; resume?: (() => string | undefined) | undefined } | undefined;
  readonly #closers: (() => Promise<void> | void)[] = [];

  constructor(surroundings: Surroundings) {
    const { invocation, host, program, messages, files, clock, signal } = surroundings;
    const { settingsInput, load, loadOther, onApplied } = surroundings;
    const { globals } = invocation;
    let settings: Promise<Settings> | undefined;
    this.context = {
      settings: () => (settings ??= load().then((loaded) => this.#enter(loaded, files, messages))),
      settingsOf: async (environment) => this.#enter(await loadOther(environment), files, messages),
      settingsInput,
      files,
      clock,
      signal,
      terminal: host.terminal,
      cwd: host.cwd,
      env: host.env,
      output: messages.format,
      dryRun: globals.dryRun ?? false,
      self: host.self,
      pid: host.process.pid,
      commands: program.commands,
      sections: program.sections,
      descriptions: program.descriptions,
      load,
      narrator: messages.narrator,
      isSilent: messages.isSilent,
      data: this.#openData(surroundings),
      warn: messages.warn,
      notWritten: (problem) => void this.notWritten.push(problem),
      verbose: messages.verbose,
      during: messages.during,
      drawing: messages.drawing,
      closing: (close) => void this.#closers.push(close),
      applied: (result, resume) => {
        this.applied = { result, resume };
        onApplied();
      },
      confirmTarget: (name, what, howMuch) =>
        confirmTarget(name, what, host.terminal, {
          howMuch,
          given: globals.confirm,
          ask: host.terminal.interactive && !globals.noInput && messages.format === 'text',
          signal,
        }),
    };
  }

  /** Last opened first; one that hangs or fails doesn't keep the others from being closed. */
  async close(): Promise<void> {
    for (const close of this.#closers.reverse()) {
      let timer: NodeJS.Timeout | undefined;
      const limit = new Promise<void>((resolve) => (timer = setTimeout(resolve, closingMs)));
      await Promise.race([
        Promise.resolve()
          .then(close)
          .catch(() => {}),
        limit,
      ]);
      clearTimeout(timer);
    }
  }

  #openData({ invocation, host, messages, signal }: Surroundings): Context['data'] {
    if (invocation.command.stdout !== 'data' || messages.format === 'json') return undefined;
    const stream = { write: host.pour };
    if (!host.terminal.stdoutIsTerminal) return plainSink(stream, signal);
    const sink = terminalSink(stream, signal);
    this.#closers.push(() => sink.end());
    return sink;
  }

  async #enter(loaded: LoadedSettings, files: FileRoles, messages: Messages): Promise<Settings> {
    loaded.warnings.forEach(messages.warn);
    await files.add(...configurationRoles(loaded));
    messages.verbose(
      `${loaded.file ?? 'no configuration file'}, environment ${loaded.settings.environment}; ` +
        'every setting and where it is from: metrify config show',
    );
    return loaded.settings;
  }
}
