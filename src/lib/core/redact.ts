/**
 * `scheme://user:` and then a password up to its `@`. A password that somebody forgot to percent-encode may hold
 * `@` and `/` as well; a colon with digits and a slash after it is a port.
 */
const password = String.raw`((?<![a-z0-9+.-])[a-z0-9+.-]+:\/\/[^\s:@/[]*):(?!\d+[/?#])(?:[^\s"',]+|[^\s@/]+)@(?:[^\s@/"',]*@)*`;

/** The same text with the passwords of any URLs in it masked. */
export function maskSecrets(text: string): string {
  return text
    .replace(new RegExp(password, 'gi'), '$1:***@')
    .replace(/([?&;\s](?:password|passwd|pwd|auth|token)=)[^&\s;]+/gi, '$1***');
}

/** Whether the text holds a URL with a password in it. */
export function hasPassword(text: string): boolean {
  return new RegExp(password, 'i').test(text) || /:\/\/[^\s]*[?&]password=[^&\s]/i.test(text);
}
