/** Every exit code metrify can end with. Scripts depend on the numbers. */
export const ExitCode = {
  ok: 0,
  bug: 1,
  usage: 2,
  checkFailed: 3,
  refused: 4,
  unavailable: 5,
  partial: 6,
  inconclusive: 7,
  timeout: 124,
  hungUp: 129,
  interrupted: 130,
  terminated: 143,
} as const;

export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

/** Where several apply, the first of these. Nothing else happened where it is 2 or 4. */
const precedence: readonly ExitCode[] = [1, 124, 129, 130, 143, 2, 4, 5, 3, 6, 7, 0];

export function gravest(...codes: ExitCode[]): ExitCode {
  return precedence.find((code) => codes.includes(code))!;
}

/** What a command concluded; the envelope carries it. */
export type Verdict =
  'ok' | 'failed' | 'partial' | 'inconclusive' | 'refused' | 'error' | 'interrupted' | 'planned';

/** The verdicts with which a command ends by itself, and their exit codes. */
export type Conclusion = Extract<Verdict, 'ok' | 'failed' | 'partial' | 'inconclusive' | 'planned'>;

export const exitCodeOf: Record<Conclusion, ExitCode> = {
  ok: ExitCode.ok,
  planned: ExitCode.ok,
  failed: ExitCode.checkFailed,
  partial: ExitCode.partial,
  inconclusive: ExitCode.inconclusive,
};

export function verdictOf(exitCode: ExitCode): Verdict {
  switch (exitCode) {
    case ExitCode.ok:
      return 'ok';
    case ExitCode.checkFailed:
      return 'failed';
    case ExitCode.partial:
      return 'partial';
    case ExitCode.inconclusive:
      return 'inconclusive';
    case ExitCode.refused:
      return 'refused';
    case ExitCode.timeout:
    case ExitCode.hungUp:
    case ExitCode.interrupted:
    case ExitCode.terminated:
      return 'interrupted';
    default:
      return 'error';
  }
}
