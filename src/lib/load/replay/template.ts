const uuid = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/gi;
const separator = /([/\-_.~:;,=@+!()])/;
/** Hashes and the like: with a digit, since `deadbeef` may be a word. */
const hexadecimal = /^(?=.*\d)[0-9a-f]{8,}$/i;

/**
 * The template of a path, under which its requests are counted: numbers, UUIDs and hashes become `{id}`, and the query is left
 * out. `/meters/17/latest?n=1` is `/meters/{id}/latest`. A version such as `/v1/` stays.
 */
export function templateOf(path: string): string {
  const end = path.indexOf('?');
  const folded = (end === -1 ? path : path.slice(0, end))
    .replace(uuid, '{id}')
    .split(separator)
    .map((part) => (/^\d+$/.test(part) || hexadecimal.test(part) ? '{id}' : part))
    .join('');
  // A date or a version of three numbers is one id.
  return folded.replace(/\{id\}(?:[-_.~:;,=@+!()]\{id\})+/g, '{id}');
}
