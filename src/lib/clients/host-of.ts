/** `host:port` of a URL, for people. One that is malformed may hold a password anywhere, so nothing of it is shown. */
export function hostOf(url: string): string {
  try {
    return new URL(url).host;
  } catch {
    return '?';
  }
}
