import { execFileSync } from 'node:child_process';

/** The words as a shell makes them of a line of metrify, without pipes and redirections. */
export function shellWords(line: string): string[] {
  const script = `metrify() { printf '%s\\0' "$@"; }\n${/^(?:'[^']*'|"[^"]*"|(?! [|<>] )[^])*/.exec(line)![0]}`;
  return execFileSync('bash', ['-c', script], { encoding: 'utf8' }).split('\0').slice(0, -1);
}
