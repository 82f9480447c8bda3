/*
 * What an exported script has in addition to its tasks. Names of functions that put a value into a place are those of `Place`.
 * k6's own cookies are left out: each request has a jar of its own, as metrify sends what a scenario says and nothing else.
 */
export const k6Helpers: readonly string[] = `
/** @typedef {Record<string, string>} Values */
/** @typedef {import('k6/http').RefinedResponse<'text'>} Response */

/**
 * @param {string} method
 * @param {string} url
 * @param {string | ArrayBuffer | null} body
 * @param {import('k6/http').RefinedParams<'text'>} params
 * @param {boolean} obeysRetryAfter
 * @returns {Response}
 */
function send(method, url, body, params, obeysRetryAfter) {
  for (;;) {
    const response = http.request(method, url, body, {
      ...params,
      timeout: requestTimeout,
      responseType: 'text',
      jar: new http.CookieJar(),
    });
    const after = headerOf(response, 'retry-after');
    if (!obeysRetryAfter || after === undefined || ![429, 503].includes(response.status)) return response;
    const seconds = /^[0-9]+$/.test(after) ? Number(after) : (Date.parse(after) - Date.now()) / 1000;
    if (Number.isNaN(seconds)) return response;
    sleep(Math.max(0.1, seconds));
  }
}

/** @param {Response} response */
function textOf(response) {
  return response.body ?? '';
}

/** @param {Response} response @param {(string | number)[]} path @returns {unknown} */
function jsonAt(response, path) {
  try {
    return path.reduce((/** @type {any} */ value, key) => {
      if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
      return typeof key === 'number' && !Array.isArray(value) ? undefined : value[key];
    }, JSON.parse(textOf(response)));
  } catch {
    return undefined;
  }
}

/** @param {Response} response @param {(string | number)[]} path @returns {string | undefined} */
function jsonText(response, path) {
  const found = jsonAt(response, path);
  if (found === undefined || found === null) return undefined;
  return typeof found === 'string' ? found : JSON.stringify(found);
}

/** @param {Response} response @param {string} name @returns {string | undefined} */
function headerOf(response, name) {
  for (const [key, value] of Object.entries(response.headers)) if (key.toLowerCase() === name) return value;
  return undefined;
}

/** @param {Response} response @param {string} pattern @returns {string | undefined} */
function matchIn(response, pattern) {
  const found = new RegExp(pattern).exec(textOf(response));
  return found ? (found[1] ?? found[0]) : undefined;
}

/** @param {Response} response @param {string} name @returns {string | undefined} */
function cookieOf(response, name) {
  return Object.hasOwn(response.cookies, name) ? response.cookies[name]?.[0]?.value : undefined;
}

/** @param {Values} values @param {string} name @param {string | undefined} value */
function take(values, name, value) {
  if (value !== undefined) values[name] = value;
}

/** @param {any} a @param {any} b @returns {boolean} */
function same(a, b) {
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return a === b;
  const keys = Object.keys(a);
  return (
    Array.isArray(a) === Array.isArray(b) &&
    keys.length === Object.keys(b).length &&
    keys.every((key) => Object.hasOwn(b, key) && same(a[key], b[key]))
  );
}

/** @param {string} value */
function segment(value) {
  return encodeURIComponent(value);
}

/** @param {string} value */
function query(value) {
  return encodeURIComponent(value);
}

/** @param {string} value */
function form(value) {
  return encodeURIComponent(value).replaceAll('%20', '+');
}

/** @param {string} value */
function json(value) {
  return JSON.stringify(value).slice(1, -1);
}

/** @param {string} value */
function header(value) {
  return value.replace(/[\\x00-\\x1f\\x7f]/g, ' ');
}

/** @param {string} value */
function plain(value) {
  return value;
}

function uuid() {
  return 'xxxxxxxx-xxxx-4xxx-8xxx-xxxxxxxxxxxx'.replace(/x/g, () =>
    Math.floor(Math.random() * 16).toString(16),
  );
}

/** A draw of the standard normal distribution (Box and Muller). */
function normal() {
  return Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random());
}
`
  .trim()
  .split('\n');

/** What feeds need in addition. */
export const k6FeedHelpers: readonly string[] = `
/** @param {number} rows @param {boolean} isOnce */
function rowOf(rows, isOnce) {
  const turn = exec.scenario.iterationInTest;
  if (isOnce && turn >= rows) exec.test.abort('each row of the feed was taken once');
  return turn % rows;
}
`
  .trim()
  .split('\n');
