/** The same text with the passwords of any URLs in it masked. */
export function maskSecrets(text: string): string {
  return text
    .replace(/([a-z][a-z0-9+.-]*:\/\/[^\s:@/]*):[^\s@/]+@/gi, '$1:***@')
    .replace(/([?&;\s](?:password|passwd|pwd|auth|token)=)[^&\s;]+/gi, '$1***');
}

/** Whether the text holds a URL with a password in it. */
export function hasPassword(text: string): boolean {
  return (
    /[a-z][a-z0-9+.-]*:\/\/[^\s:@/]*:[^\s@/]+@/i.test(text) ||
    /[a-z][a-z0-9+.-]*:\/\/[^\s]*[?&]password=[^&\s]/i.test(text)
  );
}
