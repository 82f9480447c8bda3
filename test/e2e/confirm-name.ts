/**
 * `--confirm` with the name of a target in the environment `default`: `default/LEVEL@HOST:PORT[/DB]`.
 * @param url of the server (of a cluster the first one), or `HOST:PORT`
 */
export function confirming(level: string, url: string, environment = 'default'): string[] {
  const { host, pathname } = new URL(url.includes('://') ? url : `any://${url}`);
  const database = pathname === '/0' ? '' : pathname.replace(/\/$/, '');
  return ['--confirm', `${environment}/${level}@${host}${database}`];
}
